//! Commands that change one setting in Istio's config maps, whose values are texts in YAML or JSON.

use crate::member::Member;
use meshcore::shell::{command_line, refusal};
use meshstate::MeshConfig;
use serde_json::json;

/// A setting that is to have another value.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Its name.
    pub key: &'a str,
    /// What it is.
    pub old: &'a str,
    /// What it is to be.
    pub new: &'a str,
}

/// Sets one of the injector's values, which are JSON.
#[must_use]
pub fn set_value(member: &Member, object: &str, setting: &Setting<'_>) -> String {
    let Setting { key, old, new } = setting;
    let [old, new] = [old, new].map(|value| json!(value).to_string());
    let script = format!("s/\"{key}\": *{}/\"{key}\": {}/", pattern(&old), text(&new));
    edit(member, object, &["-e", &script])
}

/// Sets one of the mesh config's values, which are YAML.
#[must_use]
pub fn set_mesh(member: &Member, object: &str, setting: &Setting<'_>) -> String {
    let Setting { key, old, new } = setting;
    let script =
        format!("s/{key}: *\"\\{{0,1\\}}{}\"\\{{0,1\\}} *$/{key}: {}/", pattern(old), text(new));
    edit(member, object, &["-e", &script])
}

/// Adds a trust domain to the aliases of a mesh config, which istiod reads again by itself.
#[must_use]
pub fn add_alias(member: &Member, config: &MeshConfig, domain: &str) -> String {
    let domain = text(domain);
    if config.trust_domain_aliases.is_empty() {
        // Below the key of the mesh config, whose own text is indented by four.
        let list = format!(r"s/^  mesh: |.*$/&\n    trustDomainAliases:\n    - {domain}/");
        return edit(member, &config.object, &["-e", "/^ *trustDomainAliases:/d", "-e", &list]);
    }
    let inline = format!(r"s/trustDomainAliases: *\[/&{domain}, /");
    // As far to the right as the first of the list.
    let list = format!(r"/trustDomainAliases: *$/{{n;s/^\( *\)- .*$/&\n\1- {domain}/}}");
    edit(member, &config.object, &["-e", &inline, "-e", &list])
}

/// Keeps a host within its cluster.
#[must_use]
pub fn add_local(member: &Member, config: &MeshConfig, host: &str) -> String {
    let host = text(host);
    let item = |indent: &str| {
        format!(
            r"{indent}- settings:\n{indent}    clusterLocal: true\n{indent}  hosts:\n{indent}  - {host}"
        )
    };
    if config.cluster_local.is_empty() {
        let list = format!(r"s/^  mesh: |.*$/&\n    serviceSettings:\n{}/", item("    "));
        return edit(
            member,
            &config.object,
            &["-e", "/^ *serviceSettings: *\\[\\]/d", "-e", &list],
        );
    }
    // As far to the right as the first of the list, and before it.
    let list = format!(r"/serviceSettings: *$/{{n;s/^\( *\)- .*$/{}\n&/}}", item(r"\1"));
    edit(member, &config.object, &["-e", &list])
}

fn edit(member: &Member, object: &str, script: &[&str]) -> String {
    // sed would take what follows for another command.
    if script.iter().any(|part| part.contains('\n')) {
        return refusal("a name in this command has a line break");
    }
    let (namespace, name) = object.split_once('/').unwrap_or(("istio-system", object));
    let get = member.way.kubectl(["get", "configmap", name, "-n", namespace, "-o", "yaml"]);
    let sed = command_line(["sed"].iter().chain(script));
    format!("{get} | {sed} | {}", member.way.kubectl(["replace", "-f", "-"]))
}

/// A text as a pattern of sed that means itself.
#[must_use]
pub fn pattern(text: &str) -> String {
    let special = |c: char| r"\.*[]^$/".contains(c);
    text.chars()
        .fold(String::new(), |out, c| if special(c) { out + "\\" } else { out } + &c.to_string())
}

/// A text that sed puts in a pattern's place.
#[must_use]
pub fn text(text: &str) -> String {
    let special = |c: char| r"\&/".contains(c);
    text.chars()
        .fold(String::new(), |out, c| if special(c) { out + "\\" } else { out } + &c.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::Bulk;
    use meshstate::ClusterState;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn member() -> Member {
        let state = ClusterState { name: "a".to_owned(), ..ClusterState::default() };
        Member::new(state, Bulk::default())
    }

    /// What becomes of a config map, as kubectl prints it, by the middle of the command.
    fn after(command: &str, map: &str) -> String {
        let sed = command.split(" | ").nth(1).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", sed])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(map.as_bytes()).unwrap();
        String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap()
    }

    #[test]
    fn values_are_set_in_both_spellings_of_json() {
        let setting = Setting { key: "clusterName", old: "a.b", new: "c" };
        let command = set_value(&member(), "istio-system/istio-sidecar-injector-x", &setting);
        assert!(command.starts_with(
            "kubectl --context a get configmap istio-sidecar-injector-x -n istio-system -o yaml | "
        ));
        assert!(command.ends_with(" | kubectl --context a replace -f -"));
        let map = "  values: |-\n    \"clusterName\": \"a.b\",\n    \"x\": \"a.b\"\n";
        assert_eq!(after(&command, map), map.replacen("a.b", "c", 1));
        let map = "  values: '{\"clusterName\":\"a.b\"}'\n  other: '{\"clusterName\":\"axb\"}'\n";
        let set = "  values: '{\"clusterName\": \"c\"}'\n  other: '{\"clusterName\":\"axb\"}'\n";
        assert_eq!(after(&command, map), set);
    }

    /// Of an attack: what follows a line break would be a command of sed, which writes files.
    #[test]
    fn no_name_is_a_command_of_sed() {
        let file = std::env::temp_dir().join(format!("PWNED-{}", std::process::id()));
        let name = format!("a/\nw {}\n", file.display());
        let map = format!("  values: |-\n    \"clusterName\": {}\n", json!(name));
        let heal = Setting { key: "clusterName", old: &name, new: "c" };
        let healed = set_value(&member(), "istio-system/istio-sidecar-injector", &heal);
        assert_eq!(after(&healed, &map), "  values: |-\n    \"clusterName\": \"c\"\n");
        let harm = Setting { key: "clusterName", old: "a", new: &name };
        let harm = set_value(&member(), "istio-system/istio-sidecar-injector", &harm);
        assert_eq!(
            after(&harm, "\"clusterName\": \"a\"\n"),
            format!("\"clusterName\": {}\n", json!(name))
        );
        assert!(!file.exists());
        let refused = "false 'a name in this command has a line break'";
        for (old, new) in [("a", &*name), (&*name, "a")] {
            let setting = Setting { key: "meshId", old, new };
            assert_eq!(set_mesh(&member(), "istio-system/istio", &setting), refused);
        }
        assert_eq!(add_alias(&member(), &MeshConfig::default(), &name), refused);
        assert_eq!(add_local(&member(), &MeshConfig::default(), &name), refused);
    }

    #[test]
    fn the_mesh_config_is_set_with_quotes_and_without() {
        let setting = Setting { key: "meshId", old: "m/1", new: "m/2" };
        let command = set_mesh(&member(), "istio-system/istio", &setting);
        let map = "    defaultConfig:\n      meshId: m/1\n";
        assert_eq!(after(&command, map), map.replace("m/1", "m/2"));
        assert_eq!(after(&command, "meshId: \"m/1\"\n"), "meshId: m/2\n");
        assert_eq!(after(&command, "meshId: m/10\n"), "meshId: m/10\n");
    }

    #[test]
    fn aliases_are_added_to_any_form_of_a_list() {
        let config = |aliases: &[&str]| MeshConfig {
            object: "istio-system/istio".to_owned(),
            trust_domain_aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            ..MeshConfig::default()
        };
        let none = add_alias(&member(), &config(&[]), "new");
        let mesh = "data:\n  mesh: |-\n    trustDomain: own\n";
        let added = "data:\n  mesh: |-\n    trustDomainAliases:\n    - new\n    trustDomain: own\n";
        assert_eq!(after(&none, mesh), added);
        assert_eq!(after(&none, &(mesh.to_owned() + "    trustDomainAliases: []\n")), added);
        let some = add_alias(&member(), &config(&["old"]), "new");
        let list = "    trustDomainAliases:\n      - old\n    x: y\n";
        let added = "    trustDomainAliases:\n      - old\n      - new\n    x: y\n";
        assert_eq!(after(&some, list), added);
        assert_eq!(after(&some, "trustDomainAliases: [old]\n"), "trustDomainAliases: [new, old]\n");
    }

    #[test]
    fn hosts_are_kept_local_with_settings_and_without() {
        use meshstate::ClusterLocal;
        let config = |cluster_local: Vec<ClusterLocal>| MeshConfig {
            object: "istio-system/istio".to_owned(),
            cluster_local,
            ..MeshConfig::default()
        };
        let none = add_local(&member(), &config(Vec::new()), "a.b.svc");
        let added = "  mesh: |-\n    serviceSettings:\n    - settings:\n        clusterLocal: true\n      \
                     hosts:\n      - a.b.svc\n    x: y\n";
        assert_eq!(after(&none, "  mesh: |-\n    x: y\n"), added);
        let setting = ClusterLocal { is_local: true, hosts: Vec::new() };
        let some = add_local(&member(), &config(vec![setting]), "a.b.svc");
        let list = "    serviceSettings:\n      - settings:\n          clusterLocal: true\n";
        let added = "    serviceSettings:\n      - settings:\n          clusterLocal: true\n        hosts:\n        \
                     - a.b.svc\n      - settings:\n          clusterLocal: true\n";
        assert_eq!(after(&some, list), added);
    }
}
