//! All tools, with what their flags do not tell. A test names the tool that is missing here.

use clap::{Arg, Command, CommandFactory};

/// A tool as its manual page and its completions need it.
pub struct Tool {
    /// Complete: with the flags that every tool has, and clap's own.
    pub command: Command,
    /// Exit codes that mean something particular here.
    pub codes: &'static [(&'static str, &'static str)],
    /// Commands whose pages to read next; their order does not matter.
    pub see_also: &'static [&'static str],
    /// Sections written by hand, in mdoc.
    pub sections: &'static str,
}

/// Every tool that users get.
pub fn all() -> Vec<Tool> {
    vec![
        tool::<mesh_apply::Args>()
            .codes(&[("1", "With -o diff: something would change.")])
            .see_also(&["kubectl", "mesh-clusters", "mesh-remote-secret"]),
        tool::<mesh_authnets::Args>()
            .codes(&[("1", "With --check: something is missing.")])
            .see_also(&["mesh-cidrs", "mesh-clusters", "mesh-firewall"]),
        tool::<mesh_cacerts::Args>()
            .codes(&[("1", "There are findings as severe as --fail-on says, or steps to do.")])
            .see_also(&["mesh-apply", "mesh-cert", "mesh-install-gen"]),
        tool::<mesh_capture::Args>().see_also(&["kubectl", "mesh-check", "mesh-graph"]),
        tool::<mesh_cert::Args>()
            .codes(&[("1", "There are findings as severe as --fail-on says.")])
            .see_also(&["mesh-cacerts", "mesh-vm-env"]),
        tool::<mesh_check::Args>()
            .codes(&[("1", "There are findings as severe as --fail-on says, or a link is broken.")])
            .see_also(&["mesh-capture", "mesh-graph", "mesh-plan"]),
        tool::<mesh_cidrs::Args>()
            .codes(&[("1", "Ranges overlap, are not covered, or none is free.")])
            .see_also(&["mesh-authnets", "mesh-clusters", "mesh-firewall"]),
        tool::<mesh_clusters::Args>()
            .see_also(&["mesh-cidrs", "mesh-context", "mesh-id", "mesh-remote-secret"])
            .sections(include_str!("../../../man/sections/mesh-clusters.mdoc")),
        tool::<mesh_context::Args>().see_also(&["kubectl", "mesh-clusters"]),
        tool::<mesh_expose::Args>().see_also(&["kubectl", "mesh-apply", "mesh-gateway-gen"]),
        tool::<mesh_firewall::Args>().see_also(&["mesh-authnets", "mesh-cidrs", "mesh-nettags"]),
        tool::<mesh_gateway_gen::Args>().see_also(&[
            "mesh-expose",
            "mesh-id",
            "mesh-install-gen",
            "mesh-lbaddr",
        ]),
        tool::<mesh_graph::Args>().see_also(&["mesh-capture", "mesh-check", "mesh-clusters"]),
        tool::<mesh_id::Args>()
            .codes(&[("1", "Clusters collide, or an ID cannot be used: the findings are written.")])
            .see_also(&["mesh-clusters", "mesh-gateway-gen", "mesh-install-gen"]),
        tool::<mesh_install_gen::Args>().see_also(&[
            "mesh-gateway-gen",
            "mesh-id",
            "mesh-revision",
        ]),
        tool::<mesh_label_ns::Args>().see_also(&["kubectl", "mesh-revision", "mesh-sample"]),
        tool::<mesh_lbaddr::Args>().see_also(&["kubectl", "mesh-gateway-gen"]),
        tool::<mesh_lbcheck::Args>()
            .codes(&[("1", "The load is not balanced as it should be.")])
            .see_also(&["mesh-probe", "mesh-sample"]),
        tool::<mesh_nettags::Args>().see_also(&["mesh-clusters", "mesh-firewall"]),
        tool::<mesh_plan::Args>().codes(&[("1", "Steps are missing.")]).see_also(&[
            "mesh-capture",
            "mesh-check",
            "mesh-graph",
        ]),
        tool::<mesh_probe::Args>()
            .codes(&[
                ("0", "Done, whatever the replies."),
                ("128+N", "Signal N has ended the probe."),
            ])
            .see_also(&["kubectl", "mesh-lbcheck", "mesh-sample"]),
        tool::<mesh_remote_secret::Args>()
            .see_also(&["kubectl", "mesh-apply", "mesh-clusters", "mesh-secret-lint"])
            .sections(include_str!("../../../man/sections/mesh-remote-secret.mdoc")),
        tool::<mesh_revision::Args>()
            .codes(&[("1", "There is nothing to tell or, with -o name, more than one.")])
            .see_also(&["kubectl", "mesh-install-gen", "mesh-label-ns"]),
        tool::<mesh_sample::Args>().see_also(&[
            "kubectl",
            "mesh-label-ns",
            "mesh-lbcheck",
            "mesh-probe",
        ]),
        tool::<mesh_secret_lint::Args>()
            .codes(&[("1", "There are findings as severe as --fail-on says.")])
            .see_also(&["kubectl", "mesh-remote-secret"]),
        tool::<mesh_vm_env::Args>()
            .codes(&[("1", "With --check: there are findings as severe as --fail-on says.")])
            .see_also(&["mesh-cert", "mesh-lbaddr", "mesh-vm-service"]),
        tool::<mesh_vm_service::Args>().see_also(&["kubectl", "mesh-vm-env"]),
    ]
}

fn tool<A: CommandFactory>() -> Tool {
    let mut command = meshcore::command::<A>();
    command.build();
    assert!(!command.has_subcommands(), "pages and completions show none");
    Tool { command, codes: &[], see_also: &[], sections: "" }
}

impl Tool {
    fn codes(self, codes: &'static [(&'static str, &'static str)]) -> Self {
        Self { codes, ..self }
    }

    fn see_also(self, see_also: &'static [&'static str]) -> Self {
        Self { see_also, ..self }
    }

    fn sections(self, sections: &'static str) -> Self {
        Self { sections, ..self }
    }

    /// The name it is called by.
    pub fn name(&self) -> &str {
        self.command.get_name()
    }

    /// Its flags and arguments as `--help` shows them.
    pub fn arguments(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|arg| !arg.is_hide_set())
    }

    /// Whether it looks for the user's kubeconfig.
    pub fn reads_kubeconfig(&self) -> bool {
        let tells =
            |arg: &Arg| arg.get_help().is_some_and(|h| h.to_string().contains("$KUBECONFIG"));
        self.arguments().any(tells)
    }

    /// Whether it sends requests to API servers.
    pub fn asks_clusters(&self) -> bool {
        self.arguments().any(|arg| arg.get_long() == Some("request-timeout"))
    }
}

#[cfg(test)]
mod tests {
    use meshcore::cluster::{
        ApiVersion, AuthorizedNetworks, Cluster, Endpoint, EndpointKind, Kind, Provider, Range,
        RangeKind,
    };

    #[test]
    fn the_page_of_mesh_clusters_tells_every_field_of_a_record() {
        let text = || Some("a".to_owned());
        // All fields by name, so that a new one is not forgotten here.
        let record = Cluster {
            api_version: ApiVersion::V1Alpha1,
            kind: Kind::Cluster,
            name: "a".to_owned(),
            id: text(),
            uid: text(),
            mesh_id: text(),
            network: text(),
            provider: Some(Provider::Gke),
            project: text(),
            location: text(),
            vpc: text(),
            context: text(),
            kubeconfig: text(),
            ranges: vec![Range { cidr: "a".into(), kind: RangeKind::Pod, source: "a".into() }],
            endpoints: vec![Endpoint { url: "a".into(), kind: EndpointKind::Dns, ca_data: text() }],
            authorized_networks: Some(AuthorizedNetworks { enabled: true, blocks: Vec::new() }),
            global_access: Some(true),
            node_tags: vec!["a".to_owned()],
            labels: [("a".to_owned(), "a".to_owned())].into(),
            other: serde_json::Map::new(),
        };
        let section = include_str!("../../../man/sections/mesh-clusters.mdoc");
        let tags: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix(".It Cm "))
            .flat_map(|line| line.split(" , "))
            .collect();
        let record = serde_json::to_value(record).unwrap();
        for field in record.as_object().unwrap().keys() {
            assert!(tags.contains(&field.as_str()), "{field}");
        }
    }
}
