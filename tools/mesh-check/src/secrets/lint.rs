//! What mesh-secret-lint says of each remote Secret. Secrets that are alike in many clusters are
//! looked at once, and told together.

use crate::Judging;
use crate::bulk::{Destination, Secret};
use crate::command::{apply_to_all, then};
use crate::config_map;
use crate::member::{Member, Mesh};
use crate::secrets::{Remake, remake};
use crate::table;
use crate::whose::Whose;
use meshcore::credentials::{AuthProvider, Bytes, Cluster, Exec, Kubeconfig, Named, User};
use meshcore::finding::Finding;
use meshcore::jwt::{self, JwtClaims};
use meshcore::shell::{command_line, refusal};
use meshsecrets::{
    Origin, Remote, RemoteSecret as Lintable, Subject, When, connection, credentials, place,
    validity,
};
use meshstate::{Credential, RemoteCluster};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One entry of a Secret, and the clusters that have it.
struct Entry<'a> {
    secret: &'a Secret,
    key: &'a str,
    remote: &'a Destination,
    readers: Vec<&'a Member>,
}

/// Findings about Secrets and what stands in them.
pub fn findings(mesh: &Mesh, whose: &Whose<'_>, judging: Judging) -> Vec<Finding> {
    let mut found: Vec<Finding> = mesh.members.iter().flat_map(places).collect();
    let when = When { at: judging.at, ahead: judging.within };
    let mut origins: HashMap<usize, Option<Origin>> = HashMap::new();
    for entry in entries(mesh) {
        let leads_to = entry.remote.as_ref().ok().and_then(|remote| whose.is(remote));
        let target = leads_to.map(|index| &mesh.members[index]);
        let target = target.or_else(|| mesh.with_id(entry.key).next());
        let place = target.and_then(|t| mesh.members.iter().position(|m| std::ptr::eq(m, t)));
        let origin = place.and_then(|place| {
            origins.entry(place).or_insert_with(|| origin(&mesh.members[place])).as_ref()
        });
        found.extend(of_entry(&entry, target, origin, when));
    }
    found
}

/// All entries, those that are alike as one.
fn entries(mesh: &Mesh) -> Vec<Entry<'_>> {
    let mut alike: HashMap<(&str, &str, &str, &str), Vec<usize>> = HashMap::new();
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for member in &mesh.members {
        for secret in &member.bulk.secrets {
            for (key, remote) in &secret.entries {
                let server = remote.as_ref().map_or("", |remote| remote.server.as_str());
                let mark = (&*secret.namespace, &*secret.name, &**key, server);
                let known = alike.entry(mark).or_default();
                let same = known.iter().copied().find(|&index| {
                    let known: &Entry<'_> = &entries[index];
                    known.remote == remote
                        && known.secret.expires == secret.expires
                        && known.secret.rotate_after == secret.rotate_after
                        && allowed(known.readers[0]) == allowed(member)
                });
                if let Some(index) = same {
                    entries[index].readers.push(member);
                } else {
                    known.push(entries.len());
                    entries.push(Entry { secret, key, remote, readers: vec![member] });
                }
            }
        }
    }
    entries
}

/// What all control planes of a cluster allow in kubeconfigs.
fn allowed(member: &Member) -> BTreeSet<String> {
    const OPTIONS: &str = "PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS";
    let of_plane = |plane: &meshstate::ControlPlane| -> BTreeSet<String> {
        let options = plane.env.get(OPTIONS).map(String::as_str).unwrap_or_default();
        options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect()
    };
    let mut planes = member.state.control_planes.iter().map(of_plane);
    let first = planes.next().unwrap_or_default();
    planes.fold(first, |all, one| &all & &one)
}

/// Where Secrets lie and how they are marked.
fn places(member: &Member) -> Vec<Finding> {
    let istio_namespace = member.istio_namespace();
    let is_odd = |secret: &&Secret| {
        let named = secret.cluster_annotation.as_ref();
        !secret.is_read_in(istio_namespace)
            || secret.entries.is_empty()
            || named.is_some_and(|named| secret.get(named).is_none())
    };
    let mut found = Vec::new();
    for secret in member.bulk.secrets.iter().filter(is_odd) {
        let mut lintable = lintable(secret);
        let keys = secret.keys().map(|key| (key.to_owned(), Ok(Kubeconfig::default())));
        lintable.entries = keys.collect();
        let subject = subject(&lintable, istio_namespace, None);
        found.extend(place::findings(subject).into_iter().map(|finding| {
            let finding = of_member(finding, &[member], secret);
            if finding.code == table::secrets::NAMESPACE.code {
                moved(finding, member, secret)
            } else {
                finding
            }
        }));
    }
    found
}

fn lintable(secret: &Secret) -> Lintable {
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    Lintable {
        namespace: Some(secret.namespace.to_string()),
        name: secret.name.to_string(),
        label: text(&secret.label),
        cluster: text(&secret.cluster_annotation),
        expires: text(&secret.expires),
        rotate_after: text(&secret.rotate_after),
        is_copied: false,
        entries: BTreeMap::new(),
    }
}

fn subject<'a>(secret: &'a Lintable, istio_namespace: &'a str, id: Option<&'a str>) -> Subject<'a> {
    Subject { context: None, secret, id, system_namespace: istio_namespace }
}

/// Puts a Secret where istiod looks, as it is.
fn moved(finding: Finding, member: &Member, secret: &Secret) -> Finding {
    let (name, wrong) = (&*secret.name, &*secret.namespace);
    let right = member.istio_namespace();
    if [wrong, right].iter().any(|name| name.contains('\n')) {
        let fix = refusal("a name in this command has a line break");
        return Finding { fix, ..finding };
    }
    let get = member.way.kubectl(["get", "secret", name, "-n", wrong, "-o", "yaml"]);
    // What the API server has added is of the old place.
    let added = ["resourceVersion", "uid", "creationTimestamp"];
    let mut sed = vec!["sed".to_owned()];
    sed.extend(added.iter().flat_map(|field| ["-e".to_owned(), format!("/^  {field}:/d")]));
    sed.extend([
        "-e".to_owned(),
        format!(
            "s/^  namespace: {}$/  namespace: {}/",
            config_map::pattern(wrong),
            config_map::text(right)
        ),
    ]);
    let delete = member.way.kubectl(["delete", "secret", name, "-n", wrong]);
    let put = format!("{get} | {} | {}", command_line(sed), member.way.apply());
    Finding { fix: then([put, delete]), ..finding }
}

fn of_entry(
    entry: &Entry<'_>,
    target: Option<&Member>,
    origin: Option<&Origin>,
    when: When,
) -> Vec<Finding> {
    let reader = entry.readers[0];
    let istio_namespace = reader.istio_namespace();
    let mut secret = lintable(entry.secret);
    let (cluster, user) = match entry.remote {
        Ok(remote) => (cluster(remote), user(&remote.credential)),
        Err(reason) => {
            let subject = subject(&secret, istio_namespace, Some(entry.key));
            let text = format!("its kubeconfig {reason}");
            let check = meshsecrets::check::UNREADABLE;
            let finding = subject.finding(check, &text, json!({}), subject.make_again(&[]));
            return vec![remade(finding, entry, target)];
        }
    };
    let mut config = Kubeconfig::default();
    config.users.push(Named { name: String::new(), entry: user });
    secret.entries.insert(entry.key.to_owned(), Ok(config));
    let subject = subject(&secret, istio_namespace, Some(entry.key));
    let Some(Ok(config)) = secret.entries.get(entry.key) else { return Vec::new() };
    let user = &config.users[0].entry;
    let mut found = connection::findings(subject, &cluster);
    found.extend(credentials::findings(subject, user, when));
    found.extend(credentials::expiry_note(subject, user));
    for option in validity::refused(config, &allowed(reader)) {
        let text = format!("istiod does not allow its {option}");
        let check = meshsecrets::check::NOT_ALLOWED;
        found.push(subject.finding(
            check,
            &text,
            json!({"option": option}),
            subject.make_again(&[]),
        ));
    }
    if let Some(origin) = origin {
        let remote = Remote { subject, cluster: &cluster, user, is_valid: true };
        found.extend(origin.findings(remote));
    }
    // What is no certificate is not the cluster's, either.
    let has_junk = found.iter().any(|finding| finding.code == table::secrets::CA.code);
    found.retain(|finding| !has_junk || finding.code != table::secrets::OTHER_CA.code);
    found.into_iter().map(|finding| remade(finding, entry, target)).collect()
}

/// The finding of the clusters that have the entry, with a command that makes it anew.
fn remade(finding: Finding, entry: &Entry<'_>, target: Option<&Member>) -> Finding {
    let makes = finding.fix.starts_with("mesh-remote-secret ");
    let finding = of_member(finding, &entry.readers, entry.secret);
    if !makes {
        return finding;
    }
    let Some(target) = target else {
        // Who has that cluster fills it in; the clusters that read it are known.
        let make = finding.fix.rsplit_once(" | ").map(|(make, _)| make.to_owned());
        let readers = entry.readers.iter().map(|reader| &reader.way);
        let fix = make.map(|make| format!("{make} | {}", apply_to_all(readers)));
        return Finding { fix: fix.unwrap_or_default(), ..finding };
    };
    let mut flags = Vec::new();
    if finding.code == meshsecrets::check::ACCOUNT_GONE.code {
        flags.push("--create-service-account".to_owned());
    }
    let is_address = ["MESH0421", "MESH0422", "MESH0423"].contains(&finding.code);
    let given = target.given.as_ref().and_then(|given| given.server.as_ref());
    if is_address && given.is_none() && !has_usable_address(target) {
        flags.extend(["--server", "URL"].map(str::to_owned));
    }
    let claims = entry.remote.as_ref().ok().and_then(|remote| remote.credential.claims());
    let remake = Remake::of(target).with(flags).for_hours(claims.and_then(JwtClaims::hours));
    // Another token without an end would be the same finding again.
    let is_endless = finding.code == meshsecrets::check::NO_EXPIRY.code;
    let remake = if is_endless { remake.with_an_end() } else { remake };
    // A cluster without a control plane is called what its readers call it.
    let is_named = target.ids.iter().any(|id| id == entry.key) || target.ids.is_empty();
    let make = if is_named { remake.named(entry.key) } else { remake }.to(&entry.readers);
    // What is made has the cluster's ID for a key, and the name that goes with it.
    let is_same = is_named && *entry.secret.name == meshcore::remote_secret::name_of(entry.key);
    let fix = if is_same {
        make
    } else {
        let removes =
            entry.readers.iter().map(|reader| remake::remove(reader, entry.secret, entry.key));
        then(removes.chain([make]))
    };
    Finding { fix, ..finding }
}

fn has_usable_address(target: &Member) -> bool {
    let server = target.state.header.as_ref().and_then(|header| header.server.as_deref());
    let server = server.and_then(|url| meshcore::Server::parse(url).ok());
    server.is_some_and(|server| server.unreachable_because().is_none())
}

/// A finding of mesh-secret-lint as one of these clusters.
fn of_member(finding: Finding, readers: &[&Member], secret: &Secret) -> Finding {
    let reader = readers[0];
    let names: Vec<&str> = readers.iter().map(|reader| reader.name()).collect();
    let who = match names.len() {
        1 => format!("cluster {}", reader.name()),
        n => format!("cluster {} and {} more", reader.name(), n - 1),
    };
    let mut evidence = finding.evidence;
    if let Some(id) = evidence.get("cluster").cloned() {
        evidence["key"] = id;
    }
    evidence["cluster"] = json!(reader.name());
    if names.len() > 1 {
        evidence["clusters"] = json!(names);
    }
    let fix = match finding.fix.strip_prefix("kubectl ") {
        Some(rest) => {
            let line =
                |reader: &&Member| format!("kubectl {} {rest}", command_line(reader.way.flags()));
            then(readers.iter().map(line))
        }
        None => finding.fix,
    };
    Finding {
        object: format!("{}: Secret {}/{}", reader.name(), secret.namespace, secret.name),
        message: format!("{who}: {}", finding.message),
        evidence,
        fix,
        ..finding
    }
}

/// What a cluster has of service accounts, tokens and CAs.
fn origin(member: &Member) -> Option<Origin> {
    let state = &member.state;
    let accounts = state.service_accounts.iter();
    let accounts = accounts.map(|account| {
        let name = (account.meta.namespace.to_string(), account.meta.name.clone());
        (name, account.uid.clone())
    });
    let tokens = state.token_secrets.iter().filter_map(|secret| {
        Some(((secret.namespace.clone(), secret.name.clone()), secret.fingerprint.clone()?))
    });
    let authorities = state.token_secrets.iter().filter_map(|secret| secret.ca.clone());
    let origin = Origin::new(
        accounts.collect(),
        tokens.collect(),
        authorities.map(String::into_bytes).collect(),
    );
    (!origin.is_empty()).then_some(origin)
}

fn cluster(remote: &RemoteCluster) -> Cluster {
    let file = if remote.is_ca_a_file { "redacted" } else { "" };
    Cluster {
        server: remote.server.clone(),
        certificate_authority: file.to_owned(),
        certificate_authority_data: Bytes(authority(remote).into_bytes()),
        insecure_skip_tls_verify: remote.is_insecure,
        proxy_url: remote.proxy_url.clone().unwrap_or_default(),
        tls_server_name: remote.tls_server_name.clone().unwrap_or_default(),
    }
}

/// The CA. Where one is given and no certificate is in it, that is not the same as none.
fn authority(remote: &RemoteCluster) -> String {
    match remote.ca.as_deref() {
        Some("") => "no certificate".to_owned(),
        ca => ca.unwrap_or_default().to_owned(),
    }
}

/// A user of the same kind, who could do nothing.
fn user(credential: &Credential) -> User {
    let mut user = User::default();
    match credential {
        Credential::Token { claims, form, fingerprint } => {
            user.token = jwt::without_signature(claims.as_deref(), *form, fingerprint);
        }
        Credential::ClientCertificate(pem) => {
            user.client_certificate_data = Bytes(pem.clone().into_bytes());
        }
        Credential::Password => user.password = "redacted".to_owned(),
        Credential::Exec { has_command } => {
            let command = if *has_command { "redacted" } else { "" };
            user.exec = Some(Exec { command: command.to_owned(), ..Exec::default() });
        }
        Credential::AuthProvider { name } => {
            user.auth_provider =
                Some(AuthProvider { name: name.clone(), ..AuthProvider::default() });
        }
        Credential::Files => user.token_file = "redacted".to_owned(),
        Credential::None => {}
    }
    user
}
