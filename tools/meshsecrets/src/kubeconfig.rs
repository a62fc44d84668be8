//! What is sent to an API server of what a Secret holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::credentials::{Bytes, Cluster, User};
use serde_json::{Value, json};

/// A kubeconfig of one context, `name`, without anything that would read a file or run a program
/// here.
#[must_use]
pub fn of_one(name: &str, cluster: &Cluster, user: &User) -> Value {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let data = |bytes: &Bytes| (!bytes.0.is_empty()).then(|| STANDARD.encode(&bytes.0));
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {
            "server": cluster.server,
            "certificate-authority-data": data(&cluster.certificate_authority_data),
            "tls-server-name": given(&cluster.tls_server_name),
        }}],
        "users": [{"name": name, "user": {
            "token": given(&user.token),
            "client-certificate-data": data(&user.client_certificate_data),
            "client-key-data": data(&user.client_key_data),
            "username": given(&user.username),
            "password": given(&user.password),
            "as": given(&user.as_user),
            "as-groups": (!user.as_groups.is_empty()).then_some(&user.as_groups),
        }}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_a_program_or_reads_a_file_here() {
        let cluster = Cluster {
            server: "https://h".into(),
            certificate_authority: "/ca".into(),
            proxy_url: "http://p".into(),
            ..Cluster::default()
        };
        let user: User = serde_json::from_value(json!({
            "token": "t", "tokenFile": "/t", "client-key": "/k", "exec": {"command": "x"},
            "client-key-data": "S0VZ",
        }))
        .unwrap();
        let config = of_one("n", &cluster, &user);
        assert_eq!(
            config["clusters"][0]["cluster"],
            json!({
                "server": "https://h", "certificate-authority-data": null, "tls-server-name": null,
            })
        );
        let user = config["users"][0]["user"].as_object().unwrap();
        let given: Vec<&str> = user
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, _)| key.as_str())
            .collect();
        assert_eq!(given, ["client-key-data", "token"]);
    }
}
