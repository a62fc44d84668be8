//! What a kubeconfig has in base64, and the files that it refers to, checked before kube reads
//! them: kube's errors do not name the field, and it reads a device for ever.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::Kubeconfig;
use meshcore::{Error, Result, file};
use serde_json::Value;
use std::path::Path;

/// Checks the fields of all clusters and users of a kubeconfig: it has those of one context.
pub fn check(kubeconfig: &Kubeconfig) -> Result<()> {
    for named in &kubeconfig.clusters {
        let Some(cluster) = &named.cluster else { continue };
        let (data, file) = (&cluster.certificate_authority_data, &cluster.certificate_authority);
        let entry = format!("clusters[{}].cluster", named.name);
        is_given(&entry, "certificate-authority", data.as_deref(), file.as_deref())?;
    }
    for named in &kubeconfig.auth_infos {
        let entry = format!("users[{}].user", named.name);
        // kube shows its secrets to serde alone.
        let user = serde_json::to_value(&named.auth_info).unwrap_or_default();
        let of = |name: &str| {
            let text = |name: &str| user.get(name).and_then(Value::as_str);
            is_given(&entry, name, text(&format!("{name}-data")), text(name))
        };
        let (certificate, key) = (of("client-certificate")?, of("client-key")?);
        if certificate != key {
            let (has, lacks) = if certificate {
                ("client-certificate", "client-key")
            } else {
                ("client-key", "client-certificate")
            };
            return Err(Error::data(format!("{entry} has a {has} and no {lacks}"))
                .hint(format!("add {lacks} or {lacks}-data, or remove both")));
        }
    }
    Ok(())
}

/// Whether one of the two is there; an error where it cannot be read.
fn is_given(entry: &str, name: &str, data: Option<&str>, path: Option<&str>) -> Result<bool> {
    if let Some(data) = data {
        if STANDARD.decode(data).is_err() {
            return Err(Error::data(format!("{entry}.{name}-data is not base64"))
                .hint("kubectl config set writes it with --embed-certs"));
        }
        return Ok(true);
    }
    let Some(path) = path else { return Ok(false) };
    file::read_regular(Path::new(path)).map_err(|error| error.at(format!("{entry}.{name}")))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_error_names_the_field() {
        let user = |user: Value| json!({"users": [{"name": "u", "user": user}]});
        for (kubeconfig, expected) in [
            (
                json!({"clusters": [{"name": "c", "cluster": {"certificate-authority-data": "%"}}]}),
                "clusters[c].cluster.certificate-authority-data is not base64",
            ),
            (
                json!({"clusters": [{"name": "c", "cluster": {"certificate-authority": "/dev/zero"}}]}),
                "clusters[c].cluster.certificate-authority: /dev/zero: is a device and not a file",
            ),
            (
                user(json!({"client-certificate-data": "Qw=="})),
                "users[u].user has a client-certificate and no client-key",
            ),
            (
                user(json!({"client-key-data": "SECRET"})),
                "users[u].user.client-key-data is not base64",
            ),
        ] {
            let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).unwrap();
            let error = check(&kubeconfig).unwrap_err();
            assert_eq!(error.message().text(), expected);
            assert_eq!(error.exit(), meshcore::Exit::Data);
        }
        let pair = json!({"client-certificate-data": "Qw==", "client-key-data": "Sw=="});
        assert!(check(&serde_json::from_value(user(pair)).unwrap()).is_ok());
    }
}
