//! Secrets, of which no credential gets any further.

use crate::config_map::Facts;
use crate::object::{Pool, RawMeta};
use crate::{CaSecret, ClusterState, Credential, RemoteCluster, RemoteSecret, TokenSecret};
use meshcore::Address;
use meshcore::credentials::{Cluster, Kubeconfig, User, certificates_only, decode_base64};
use meshcore::input::{Verbatim, null_as_default};
use meshcore::jwt::{Form, JwtClaims, fingerprint};
use meshcore::remote_secret::{LABEL, is_remote};
use serde::Deserialize;
use std::collections::BTreeMap;

const TOKEN_TYPE: &str = "kubernetes.io/service-account-token";

/// `v1 Secret`. No `Debug`: it holds credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secret {
    metadata: RawMeta,
    #[serde(default, rename = "type")]
    type_: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    data: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "null_as_default")]
    string_data: BTreeMap<String, Option<Verbatim>>,
}

/// Adds what a Secret says of the mesh, if anything.
pub(crate) fn add(state: &mut ClusterState, facts: &mut Facts, secret: Secret, pool: &mut Pool) {
    let labels = &secret.metadata.labels;
    if is_remote(&secret.metadata.name, labels.contains_key(LABEL)) {
        state.remote_secrets.push(remote(secret, pool));
    } else if matches!(secret.metadata.name.as_str(), "cacerts" | "istio-ca-secret") {
        facts.add_ca(authority(secret, pool));
    } else if secret.type_.as_deref() == Some(TOKEN_TYPE) {
        state.token_secrets.push(token(secret));
    }
}

impl Secret {
    /// What stands under a key, decoded; none also for what is no text.
    fn text(&self, key: &str) -> Option<String> {
        if let Some(text) = self.string_data.get(key) {
            return text.as_ref().map(|Verbatim(text)| text.clone());
        }
        String::from_utf8(decode_base64(self.data.get(key)?.as_ref()?)?).ok()
    }

    fn keys(&self) -> impl Iterator<Item = &String> {
        self.data.keys().chain(self.string_data.keys())
    }
}

fn remote(secret: Secret, pool: &mut Pool) -> RemoteSecret {
    let Secret { metadata, data, string_data, .. } = secret;
    let decoded = data.into_iter().map(|(key, value)| {
        let bytes = decode_base64(&value.unwrap_or_default());
        (key, bytes.ok_or_else(|| "is not base64".to_owned()))
    });
    // The API server writes `stringData` over `data`.
    let plain = string_data.into_iter().map(|(key, text)| {
        (key, Ok(text.map_or_else(Vec::new, |Verbatim(text)| text.into_bytes())))
    });
    let entries: BTreeMap<String, Result<Vec<u8>, String>> = decoded.chain(plain).collect();
    let annotation = |key: &str| metadata.annotations.get(key).cloned();
    RemoteSecret {
        namespace: metadata.namespace().to_owned(),
        label: metadata.labels.get(LABEL).cloned(),
        cluster_annotation: annotation("networking.istio.io/cluster"),
        expires: annotation("meshutils/expires"),
        rotate_after: annotation("meshutils/rotate-after"),
        created: metadata.creation_timestamp,
        updated: metadata.updated(),
        entries: entries
            .into_iter()
            .map(|(key, bytes)| (key, bytes.and_then(|bytes| entry(bytes, pool))))
            .collect(),
        name: metadata.name,
    }
}

fn entry(kubeconfig: Vec<u8>, pool: &mut Pool) -> Result<RemoteCluster, String> {
    let config = Kubeconfig::load(kubeconfig)?;
    let (cluster, user) =
        config.current().ok_or("has a current context that leads to no cluster and user of it")?;
    Ok(RemoteCluster {
        server: Address::of(&cluster.server).into_string(),
        tls_server_name: given(&cluster.tls_server_name),
        proxy_url: given(&cluster.proxy_url).map(|url| Address::of(&url).into_string()),
        ca: authority_of(cluster).map(|pem| pool.text(&pem)),
        is_ca_a_file: !cluster.certificate_authority.is_empty(),
        is_insecure: cluster.insecure_skip_tls_verify,
        credential: credential(user, pool),
    })
}

/// What istiod refuses comes first: it refuses the whole kubeconfig for it.
fn credential(user: &User, pool: &mut Pool) -> Credential {
    let files = [&user.token_file, &user.client_certificate, &user.client_key];
    if let Some(exec) = &user.exec {
        Credential::Exec { has_command: !exec.command.is_empty() }
    } else if let Some(provider) = &user.auth_provider {
        Credential::AuthProvider { name: provider.name.clone() }
    } else if files.iter().any(|file| !file.is_empty()) {
        Credential::Files
    } else if !user.token.is_empty() {
        Credential::Token {
            claims: JwtClaims::read(&user.token).map(|claims| pool.claims(claims)),
            form: Form::of(&user.token),
            fingerprint: fingerprint(&user.token),
        }
    } else if !user.client_certificate_data.0.is_empty() {
        let certificate = String::from_utf8_lossy(&user.client_certificate_data.0);
        Credential::ClientCertificate(certificates_only(&certificate))
    } else if !user.username.is_empty() || !user.password.is_empty() {
        Credential::Password
    } else {
        Credential::None
    }
}

fn authority_of(cluster: &Cluster) -> Option<String> {
    let pem = &cluster.certificate_authority_data.0;
    (!pem.is_empty()).then(|| certificates_only(&String::from_utf8_lossy(pem)))
}

fn authority(secret: Secret, pool: &mut Pool) -> CaSecret {
    let certificates = |keys: [&str; 2]| {
        let text = keys.iter().find_map(|key| secret.text(key));
        text.map(|text| pool.text(&certificates_only(&text)))
    };
    // When there is tls.crt, istiod takes it and its like (Istio 1.13 and later).
    let is_tls = secret.text("tls.crt").is_some();
    let mut pem = certificates;
    let (root, certificate) = if is_tls {
        (pem(["ca.crt", "root-cert.pem"]), pem(["tls.crt", "ca-cert.pem"]))
    } else {
        (pem(["root-cert.pem", "ca.crt"]), pem(["ca-cert.pem", "tls.crt"]))
    };
    CaSecret {
        namespace: secret.metadata.namespace().to_owned(),
        name: secret.metadata.name.clone(),
        keys: secret.keys().cloned().collect(),
        root,
        certificate,
        chain: pem(["cert-chain.pem", "cert-chain.pem"]),
        created: secret.metadata.creation_timestamp,
        updated: secret.metadata.updated(),
    }
}

fn token(secret: Secret) -> TokenSecret {
    let token = secret.text("token").filter(|token| !token.is_empty());
    TokenSecret {
        namespace: secret.metadata.namespace().to_owned(),
        account: secret.metadata.annotations.get("kubernetes.io/service-account.name").cloned(),
        claims: token.as_deref().and_then(JwtClaims::read).map(Box::new),
        fingerprint: token.as_deref().map(fingerprint),
        ca: secret.text("ca.crt").map(|pem| certificates_only(&pem)),
        name: secret.metadata.name,
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
