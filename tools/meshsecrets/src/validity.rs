//! What istiod checks of a kubeconfig before it connects.
//!
//! Two lists of rules: `clientcmd.Validate` of client-go with what building its client adds, and
//! istiod's own allow-list (`sanitizeKubeConfig`, pkg/kube/util.go, Istio 1.11.5 to 1.30). Files
//! are not looked for: they would have to be in istiod's pod.

use meshcore::DnsLabel;
use meshcore::credentials::{Cluster, Context, Kubeconfig, Named, User, find, is_pem};
use std::collections::{BTreeSet, HashSet};

/// Why client-go takes a kubeconfig for invalid; empty if it does not. The texts complete "its
/// kubeconfig …".
#[must_use]
pub fn faults(config: &Kubeconfig) -> Vec<String> {
    if config.clusters.is_empty() && config.users.is_empty() && config.contexts.is_empty() {
        return vec!["says nothing".to_owned()];
    }
    let mut faults = Vec::new();
    if config.current_context.is_empty() {
        faults.push("has no current-context".to_owned());
    } else if find(&config.contexts, &config.current_context).is_none() {
        faults.push(format!("has no context {:?}, its current-context", config.current_context));
    }
    let (users, clusters) = (names(&config.users), names(&config.clusters));
    for context in &config.contexts {
        context_faults(&users, &clusters, context, &mut faults);
    }
    for cluster in &config.clusters {
        let place = format!("cluster {:?}", cluster.name);
        faults.extend(cluster_faults(&cluster.entry).map(|fault| format!("has {place} {fault}")));
    }
    for user in &config.users {
        let place = format!("user {:?}", user.name);
        faults.extend(user_faults(&user.entry).map(|fault| format!("has {place} {fault}")));
    }
    faults
}

fn names<T>(entries: &[Named<T>]) -> HashSet<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

fn context_faults(
    users: &HashSet<&str>,
    clusters: &HashSet<&str>,
    context: &Named<Context>,
    faults: &mut Vec<String>,
) {
    let Named { name, entry } = context;
    let mut lacks = |what: &str, wanted: &str, there: bool| {
        if wanted.is_empty() {
            faults.push(format!("has context {name:?} without a {what}"));
        } else if !there {
            faults.push(format!("has context {name:?} with {what} {wanted:?}, which is not there"));
        }
    };
    lacks("user", &entry.user, users.contains(entry.user.as_str()));
    lacks("cluster", &entry.cluster, clusters.contains(entry.cluster.as_str()));
    if name.is_empty() {
        faults.push("has a context without a name".to_owned());
    }
    if !entry.namespace.is_empty() && DnsLabel::parse(&entry.namespace).is_err() {
        faults.push(format!("has context {name:?} with a namespace that is no DNS label"));
    }
}

/// The texts of those rules that are broken.
fn broken<const N: usize>(rules: [(bool, &'static str); N]) -> impl Iterator<Item = &'static str> {
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, text)| text)
}

fn cluster_faults(cluster: &Cluster) -> impl Iterator<Item = &'static str> {
    let file = !cluster.certificate_authority.is_empty();
    let data = !cluster.certificate_authority_data.0.is_empty();
    let proxy = cluster.proxy_url.split_once("://").map(|(scheme, _)| scheme);
    broken([
        (cluster.server.is_empty(), "without a server"),
        (file && data, "with a CA twice, as data and as a file"),
        (
            // Building the client fails.
            (file || data) && cluster.insecure_skip_tls_verify,
            "with a CA and with insecure-skip-tls-verify, which exclude each other",
        ),
        (
            !cluster.proxy_url.is_empty()
                && !proxy.is_some_and(|scheme| ["http", "https", "socks5"].contains(&scheme)),
            "with a proxy-url that is neither http, https nor socks5",
        ),
    ])
}

fn user_faults(user: &User) -> impl Iterator<Item = &'static str> {
    let certificate = &user.client_certificate_data.0;
    let key = &user.client_key_data.0;
    let has_certificate = !certificate.is_empty() || !user.client_certificate.is_empty();
    let has_key = !key.is_empty() || !user.client_key.is_empty();
    let impersonates = !user.as_groups.is_empty() || !user.as_user_extra.is_empty();
    let has_password = !user.username.is_empty() || !user.password.is_empty();
    let exec = user.exec.as_ref();
    broken([
        (
            !user.token.is_empty() && has_password,
            "with a token and a password, of which only one may be",
        ),
        (
            !certificate.is_empty() && !user.client_certificate.is_empty(),
            "with a client certificate twice, as data and as a file",
        ),
        (
            has_certificate && !key.is_empty() && !user.client_key.is_empty(),
            "with a client key twice, as data and as a file",
        ),
        (has_certificate && !has_key, "with a client certificate and no key"),
        (
            !certificate.is_empty() && !is_pem(certificate, "CERTIFICATE"),
            "with client-certificate-data that is no PEM certificate",
        ),
        (!key.is_empty() && !is_pem(key, "PRIVATE KEY"), "with client-key-data that is no PEM key"),
        (exec.is_some() && user.auth_provider.is_some(), "with both exec and auth-provider"),
        (exec.is_some_and(|exec| exec.command.is_empty()), "with exec and no command"),
        (exec.is_some_and(|exec| exec.api_version.is_empty()), "with exec and no apiVersion"),
        (impersonates && user.as_user.is_empty(), "that impersonates groups and no user"),
    ])
}

/// What istiod refuses of a kubeconfig's users, by the words of
/// `PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS` that would allow it.
#[must_use]
pub fn refused<'a>(config: &'a Kubeconfig, allowed: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let options = config.users.iter().flat_map(|user| used(&user.entry));
    options.filter(|option| !allowed.contains(*option)).collect()
}

fn used(user: &User) -> impl Iterator<Item = &str> {
    let provider = user.auth_provider.as_ref().map(|provider| provider.name.as_str());
    [
        // OIDC reads no files and runs nothing.
        provider.filter(|name| *name != "oidc"),
        (!user.client_key.is_empty()).then_some("clientKey"),
        (!user.client_certificate.is_empty()).then_some("clientCertificate"),
        (!user.token_file.is_empty()).then_some("tokenFile"),
        user.exec.is_some().then_some("exec"),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A valid kubeconfig with `cluster` and `user` as the two entries' content.
    fn config(cluster: &str, user: &str) -> Kubeconfig {
        let text = format!(
            "clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n"
        );
        load(&text)
    }

    fn load(text: &str) -> Kubeconfig {
        Kubeconfig::load(text.as_bytes().to_vec()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn client_go_would_refuse_these() {
        let server = "server: 'https://h'";
        for (cluster, user, fault) in [
            ("", "token: t", "cluster \"c\" without a server"),
            (
                "server: 'https://h', certificate-authority: /a, certificate-authority-data: QQ==",
                "token: t",
                "a CA twice",
            ),
            (
                "server: 'https://h', insecure-skip-tls-verify: true, certificate-authority-data: QQ==",
                "token: t",
                "exclude each other",
            ),
            ("server: 'https://h', proxy-url: 'ftp://p'", "token: t", "neither http"),
            (server, "token: t, username: a", "user \"u\" with a token and a password"),
            (
                server,
                "client-certificate: /a, client-key: /b, client-certificate-data: QQ==",
                "certificate twice",
            ),
            (server, "client-certificate: /a", "certificate and no key"),
            (server, "client-certificate-data: QQ==, client-key: /a", "no PEM certificate"),
            (server, "client-certificate: /a, client-key: /a, client-key-data: QQ==", "key twice"),
            (server, "exec: {command: a, apiVersion: b}, auth-provider: {name: gcp}", "both exec"),
            (server, "exec: {apiVersion: b}", "no command"),
            (server, "exec: {command: a}", "no apiVersion"),
            (server, "as-groups: [a]", "groups and no user"),
        ] {
            let faults = faults(&config(cluster, user));
            assert!(faults.iter().any(|text| text.contains(fault)), "{fault}: {faults:?}");
        }
        assert_eq!(faults(&config(server, "token: t")), [] as [String; 0]);
        assert_eq!(faults(&config(server, "as: a, as-groups: [a]")), [] as [String; 0]);
    }

    #[test]
    fn contexts_must_lead_somewhere() {
        for (text, fault) in [
            ("kind: Config", "says nothing"),
            ("users: [{name: u}]", "has no current-context"),
            ("users: [{name: u}]\ncurrent-context: x", "has no context \"x\""),
            ("contexts: [{name: x}]\ncurrent-context: x", "context \"x\" without a user"),
            (
                "contexts: [{name: x, context: {user: u, cluster: c}}]\ncurrent-context: x",
                "with cluster \"c\", which is not there",
            ),
            ("contexts: [{context: {namespace: A}}]", "namespace that is no DNS label"),
        ] {
            let faults = faults(&load(text));
            assert!(faults.iter().any(|text| text.contains(fault)), "{fault}: {faults:?}");
        }
    }

    #[test]
    fn the_allow_list_is_istiods() {
        for (user, option) in [
            ("exec: {command: gke-gcloud-auth-plugin, apiVersion: a}", "exec"),
            ("auth-provider: {name: gcp}", "gcp"),
            ("tokenFile: /t", "tokenFile"),
            ("client-certificate: /t", "clientCertificate"),
            ("client-key: /t", "clientKey"),
        ] {
            let config = config("server: 'https://h'", user);
            assert_eq!(refused(&config, &BTreeSet::new()), BTreeSet::from([option]));
            let allowed = BTreeSet::from([option.to_owned()]);
            assert_eq!(refused(&config, &allowed), BTreeSet::new());
        }
        for user in ["auth-provider: {name: oidc}", "token: t", "username: a, password: b"] {
            assert!(refused(&config("server: 'https://h'", user), &BTreeSet::new()).is_empty());
        }
    }
}
