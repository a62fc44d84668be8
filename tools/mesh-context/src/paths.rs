//! The files that a kubeconfig names. Relative ones lie beside it, and so does the command of an
//! exec plugin if it has a slash (client-go's `ResolveLocalPaths`).

use crate::config::Kubeconfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshcore::{Error, Result, file};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Makes relative paths absolute: they are meant from `folder`.
pub fn resolve(config: &mut Kubeconfig, folder: &str) {
    for path in relative(config) {
        let joined: PathBuf = Path::new(folder).join(&path).components().collect();
        *path = joined.to_string_lossy().into_owned();
    }
}

/// The relative paths of a kubeconfig.
pub fn relative(config: &mut Kubeconfig) -> Vec<&mut String> {
    let mut paths = Vec::new();
    for cluster in &mut config.clusters {
        paths.extend(cluster.entry.cluster.get_mut("certificate-authority").and_then(text));
    }
    for (key, value) in config.users.iter_mut().flat_map(|user| &mut user.entry.user) {
        match key.as_str() {
            "client-certificate" | "client-key" | "tokenFile" => paths.extend(text(value)),
            // A command without a slash is looked for in $PATH.
            "exec" => paths.extend(
                value.get_mut("command").and_then(text).filter(|command| command.contains('/')),
            ),
            _ => {}
        }
    }
    paths.retain(|path| !path.is_empty() && Path::new(path).is_relative());
    paths
}

fn text(value: &mut Value) -> Option<&mut String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// A file with certificates or a key. Whoever wrote the kubeconfig names it: a file of any other
/// content goes nowhere.
pub fn read_pem(path: &Path) -> Result<Vec<u8>> {
    let bytes = file::read_regular(path)?;
    let has_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
    if !has_pem {
        return Err(Error::data("has neither certificates nor a key in PEM").at(path.display()));
    }
    Ok(bytes)
}

/// Puts the content of certificates and keys in the place of their paths, as
/// `kubectl config view --flatten` does. Token files stay: what they hold changes.
pub fn embed(config: &mut Kubeconfig, read: fn(&Path) -> Result<Vec<u8>>) -> Result<()> {
    for cluster in &mut config.clusters {
        embed_field(&mut cluster.entry.cluster, "certificate-authority", read)
            .map_err(|e| e.at(format!("cluster {}: certificate-authority", cluster.name)))?;
    }
    for user in &mut config.users {
        for key in ["client-certificate", "client-key"] {
            embed_field(&mut user.entry.user, key, read)
                .map_err(|e| e.at(format!("user {}: {key}", user.name)))?;
        }
    }
    Ok(())
}

fn embed_field(
    fields: &mut Map<String, Value>,
    key: &str,
    read: fn(&Path) -> Result<Vec<u8>>,
) -> Result<()> {
    let Some(Value::String(path)) = fields.get(key) else { return Ok(()) };
    let data_key = format!("{key}-data");
    let has_data = fields.get(&data_key).is_some_and(|data| data.as_str() != Some(""));
    // Where both are there, the data counts and not the path.
    if !path.is_empty() && !has_data {
        let data = STANDARD.encode(read(Path::new(path))?);
        fields.insert(data_key, data.into());
    }
    fields.remove(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config() -> Kubeconfig {
        serde_json::from_value(json!({
            "clusters": [
                {"name": "a", "cluster": {"certificate-authority": "pki/ca.crt"}},
                {"name": "b", "cluster": {"certificate-authority": "/etc/ca.crt",
                    "certificate-authority-data": "Q0E="}},
            ],
            "users": [
                {"name": "a", "user": {"client-certificate": "./a.crt", "client-key": "../a.key",
                    "tokenFile": "token", "exec": {"command": "./bin/plugin", "args": ["x/y"]}}},
                {"name": "b", "user": {"tokenFile": "/t", "exec": {"command": "plugin"},
                    "auth-provider": {"config": {"cmd-path": "x/gcloud"}}}},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn relative_paths_lie_beside_the_file() {
        let mut config = config();
        resolve(&mut config, "/home/me/.kube");
        let (a, b) = (&config.users[0].entry.user, &config.users[1].entry.user);
        assert_eq!(
            config.clusters[0].entry.cluster["certificate-authority"],
            "/home/me/.kube/pki/ca.crt"
        );
        assert_eq!(config.clusters[1].entry.cluster["certificate-authority"], "/etc/ca.crt");
        assert_eq!(a["client-certificate"], "/home/me/.kube/a.crt");
        assert_eq!(a["client-key"], "/home/me/.kube/../a.key");
        assert_eq!(a["tokenFile"], "/home/me/.kube/token");
        assert_eq!(a["exec"], json!({"command": "/home/me/.kube/bin/plugin", "args": ["x/y"]}));
        assert_eq!(b["exec"]["command"], "plugin");
        assert_eq!(b["auth-provider"]["config"]["cmd-path"], "x/gcloud");
    }

    #[test]
    fn files_become_data_and_data_that_is_there_stays() {
        let mut config = config();
        assert!(embed(&mut config, |path| Ok(path.display().to_string().into_bytes())).is_ok());
        let data = STANDARD.encode("pki/ca.crt");
        let only = |data: &str| json!({"certificate-authority-data": data});
        assert_eq!(Value::from(config.clusters[0].entry.cluster.clone()), only(&data));
        assert_eq!(Value::from(config.clusters[1].entry.cluster.clone()), only("Q0E="));
        let user = &config.users[0].entry.user;
        assert_eq!(user["client-key-data"], STANDARD.encode("../a.key"));
        assert_eq!(user["tokenFile"], "token");
        assert!(!user.contains_key("client-certificate"));
    }
}
