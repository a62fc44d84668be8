//! Which programs read which documents.

/// A document that all is well with.
pub struct Sample {
    pub name: &'static str,
    /// JSON; NDJSON where it is read as lines.
    pub text: &'static str,
    pub readers: &'static [Reader],
}

/// A program that reads a sample from standard input. A program that comes second or later reads
/// only some of the inputs made of it.
pub struct Reader {
    pub program: &'static str,
    /// Arguments, separated by blanks.
    pub args: &'static str,
    pub output: Output,
}

/// What standard output is, and so what must not be in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people or for `sh`: nothing that drives a terminal.
    Text,
    /// JSON or YAML: no control characters, and JSON is read back.
    Data,
    /// A tar archive.
    Archive,
}

const fn text(program: &'static str, args: &'static str) -> Reader {
    Reader { program, args, output: Output::Text }
}

const fn data(program: &'static str, args: &'static str) -> Reader {
    Reader { program, args, output: Output::Data }
}

/// What tokens, passwords and keys are in the samples.
pub const SECRET: &str = "canarycanarycanary";

/// Programs that were asked for it.
pub const TELL_SECRETS: [&str; 3] = ["mesh-context", "mesh-remote-secret", "mesh-vm-env"];

/// Stands for the file of an input in the arguments; standard input then gets `OTHER`.
pub const FILE: &str = "{file}";

/// A path in the arguments that begins so is one of the samples'.
pub const SAMPLES: &str = "{samples}";

/// What standard input has where the hostile document is a file.
pub const OTHER: &str = include_str!("samples/records.json");

pub const ALL: &[Sample] = &[
    Sample {
        name: "gke",
        text: include_str!("samples/gke.json"),
        readers: &[
            text("mesh-clusters", "-o table"),
            text("mesh-cidrs", "-o table --check-overlap"),
            text("mesh-authnets", "--enable"),
            text("mesh-nettags", ""),
            text("mesh-id", "-o table"),
            data("mesh-cidrs", "-o json"),
            data("mesh-clusters", ""),
            text("mesh-check", "--clusters -"),
        ],
    },
    Sample {
        name: "gce-subnet",
        text: include_str!("samples/gce-subnet.json"),
        readers: &[text("mesh-cidrs", ""), data("mesh-clusters", "-f {samples}/gke.json -f -")],
    },
    Sample {
        name: "eks",
        text: include_str!("samples/eks.json"),
        readers: &[
            data("mesh-clusters", ""),
            text("mesh-cidrs", "--kind pod,node,service"),
            text("mesh-id", "-o table"),
        ],
    },
    Sample {
        name: "aws-subnets",
        text: include_str!("samples/aws-subnets.json"),
        readers: &[data("mesh-clusters", "-f {samples}/eks.json -f -")],
    },
    Sample {
        name: "aks",
        text: include_str!("samples/aks.json"),
        readers: &[data("mesh-clusters", "-o yaml"), text("mesh-cidrs", "-o csv")],
    },
    Sample {
        name: "kubeconfig",
        text: include_str!("samples/kubeconfig.json"),
        readers: &[
            data("mesh-context", "--short"),
            text("mesh-clusters", "-o table"),
            data("mesh-context", "--list"),
            data("mesh-context", "--minify --flatten --context cluster1"),
            text(
                "mesh-capture",
                "--kubeconfig {file} --context cluster1 --timeout 1ms --request-timeout 1ms",
            ),
            text("mesh-remote-secret", "--context cluster1 --kubeconfig {file}"),
            text("mesh-probe", "--context cluster1 --url http://a --kubeconfig {file}"),
            text(
                "mesh-apply",
                "--context cluster1 --timeout 1ms --kubeconfig {file} -f {samples}/manifest.json",
            ),
            text("mesh-label-ns", "--context cluster1 --rev r --kubeconfig {file} sample"),
            text("mesh-lbaddr", "--context cluster1 --kubeconfig {file}"),
            text("mesh-secret-lint", "--context cluster1 --kubeconfig {file}"),
            text("mesh-vm-env", "--context cluster1 --kubeconfig {file} -o tar --name a -n b"),
        ],
    },
    Sample {
        name: "records",
        text: include_str!("samples/records.json"),
        readers: &[
            text("mesh-id", "-o table"),
            data("mesh-install-gen", ""),
            data("mesh-gateway-gen", "-f - -o manifests"),
            text("mesh-graph", "-o mermaid"),
            text("mesh-plan", "-o sh"),
            text("mesh-check", "-o table"),
            text("mesh-authnets", ""),
            text("mesh-clusters", "-o table"),
            text("mesh-install-gen", "-o asmcli"),
            data("mesh-install-gen", "-o namespace"),
            text("mesh-graph", "-o dot"),
            text("mesh-graph", "-o svg"),
            text("mesh-plan", ""),
            text("mesh-cidrs", "-o csv"),
            text("mesh-nettags", "-o csv"),
            text("mesh-capture", "--timeout 1ms --kubeconfig {samples}/kubeconfig.json"),
            text("mesh-remote-secret", "--kubeconfig {samples}/kubeconfig.json"),
        ],
    },
    Sample {
        name: "remote-secret",
        text: include_str!("samples/remote-secret.json"),
        readers: &[
            text("mesh-secret-lint", ""),
            text("mesh-check", "-f cluster1=-"),
            text("mesh-apply", "--to-peers --timeout 1ms --kubeconfig {samples}/kubeconfig.json"),
            data("mesh-secret-lint", "-o json"),
            text("mesh-graph", "-f cluster1=- -o mermaid"),
        ],
    },
    Sample {
        name: "cacerts",
        text: include_str!("samples/cacerts.json"),
        readers: &[
            text("mesh-cacerts", "verify"),
            text("mesh-check", "-f cluster1=-"),
            text("mesh-cacerts", "rotate --root-dir next"),
            text("mesh-graph", "-f cluster1=- -o mermaid"),
            text("mesh-cert", "--spiffe spiffe://cluster.local/ns/a/sa/b --out certs"),
        ],
    },
    Sample {
        name: "token-secret",
        text: include_str!("samples/token-secret.json"),
        readers: &[
            data("mesh-remote-secret", ""),
            data("mesh-remote-secret", "--string-data -o json"),
        ],
    },
    Sample {
        name: "manifest",
        text: include_str!("samples/manifest.json"),
        readers: &[text(
            "mesh-apply",
            "--context cluster1 --timeout 1ms --kubeconfig {samples}/kubeconfig.json -o lines",
        )],
    },
    Sample {
        name: "namespace",
        text: include_str!("samples/namespace.json"),
        readers: &[
            data("mesh-label-ns", "--rev default"),
            data("mesh-label-ns", "--rev default --patch"),
            text("mesh-check", "-f cluster1=-"),
        ],
    },
    Sample {
        name: "control-plane",
        text: include_str!("samples/control-plane.json"),
        readers: &[
            text("mesh-revision", "-o table"),
            text("mesh-check", "-f cluster1=-"),
            text("mesh-revision", "-o name"),
            data("mesh-revision", ""),
        ],
    },
    Sample {
        name: "injection",
        text: include_str!("samples/injection.json"),
        readers: &[
            text("mesh-label-ns", "--simulate -o table"),
            text("mesh-label-ns", "--restart-list --injection disabled"),
        ],
    },
    Sample {
        name: "captures",
        text: include_str!("samples/captures.json"),
        readers: &[
            text("mesh-check", ""),
            text("mesh-graph", "-o mermaid"),
            text("mesh-plan", "-o sh"),
            text("mesh-cacerts", "verify"),
            text("mesh-check", "--why cluster1 cluster2 helloworld.sample"),
            text("mesh-check", "-o junit"),
            data("mesh-check", "-o sarif"),
            text("mesh-secret-lint", ""),
            text("mesh-plan", "--leave cluster2"),
            text("mesh-plan", "--undo -o sh"),
            text("mesh-graph", "-o svg"),
        ],
    },
    Sample {
        name: "workload-group",
        text: include_str!("samples/workload-group.json"),
        readers: &[Reader {
            program: "mesh-vm-env",
            args: "-o tar --no-token",
            output: Output::Archive,
        }],
    },
    Sample {
        name: "service",
        text: include_str!("samples/service.json"),
        readers: &[text("mesh-lbaddr", "--port tls"), data("mesh-lbaddr", "-o json")],
    },
    Sample {
        name: "firewall-rules",
        text: include_str!("samples/firewall-rules.json"),
        readers: &[
            text(
                "mesh-firewall",
                "-f {samples}/ranges.json --existing - --network default --target-tags a-node",
            ),
            text("mesh-nettags", "-f {samples}/gke.json -f -"),
            text("mesh-cidrs", ""),
            text("mesh-check", "-f {samples}/records.json --firewall-rules -"),
            text("mesh-plan", "--firewall-rules {file} {samples}/mesh.json"),
        ],
    },
    Sample {
        name: "instances",
        text: include_str!("samples/instances.json"),
        readers: &[text("mesh-nettags", "-f {samples}/gke.json -f -")],
    },
    Sample {
        name: "ranges",
        text: include_str!("samples/ranges.json"),
        readers: &[
            text("mesh-firewall", "--network default --target-tags a-node"),
            data("mesh-firewall", "-o terraform --network default --target-tags a-node"),
            text("mesh-cidrs", "--trunc"),
            text("mesh-firewall", "-o aws --security-group-id sg-1"),
        ],
    },
    Sample {
        name: "mesh-file",
        text: include_str!("samples/mesh.json"),
        readers: &[
            text("mesh-plan", "-o sh --firewall-rules {samples}/firewall-rules.json {file}"),
            text("mesh-plan", "--firewall-rules {samples}/firewall-rules.json {file}"),
        ],
    },
    Sample {
        name: "replies",
        text: include_str!("samples/replies.ndjson"),
        readers: &[
            text("mesh-lbcheck", ""),
            text("mesh-lbcheck", "-o junit"),
            data("mesh-lbcheck", "-o json"),
        ],
    },
    Sample {
        name: "endpoints",
        text: include_str!("samples/endpoints.json"),
        readers: &[text("mesh-lbcheck", "-f {samples}/replies.ndjson -f -")],
    },
];

/// Programs that read a line of 100 MB.
pub const LONG_LINES: &[Reader] =
    &[text("mesh-cidrs", ""), text("mesh-lbcheck", ""), text("mesh-cidrs", "-o table")];

/// Stands for a hostile text in the arguments.
pub const TEXT: &str = "{text}";

/// Programs of which arguments are names.
pub const ARGUMENTS: &[Reader] = &[
    text("mesh-expose", "services -n {text}"),
    text("mesh-expose", "istiod --revision {text}"),
    text("mesh-gateway-gen", "--network {text}"),
    text("mesh-gateway-gen", "--network n --istio-version {text}"),
    text("mesh-sample", "helloworld --version={text}"),
    text("mesh-sample", "sleep --image {text}"),
    text("mesh-vm-service", "{text} 10.0.0.1 grpc:3550"),
    text("mesh-vm-service", "a {text} grpc:3550"),
    text("mesh-vm-service", "a 10.0.0.1 {text}"),
    text("mesh-cert", "--spiffe {text} --out /nowhere"),
    text("mesh-cacerts", "rotate --root-dir /nowhere --at {text}"),
    text("mesh-cidrs", "--covers {text}"),
    text("mesh-firewall", "--network {text} --target-tags a"),
    text("mesh-firewall", "--network n --target-tags {text}"),
    text("mesh-check", "--explain {text}"),
    text("mesh-check", "-f {text}"),
    text("mesh-probe", "--context {text} --url http://a"),
    text("mesh-lbcheck", "--expect {text}"),
    text("mesh-vm-env", "--check {text}"),
];
