//! Remote Secrets: 0401 to 0453 mean what they mean to mesh-secret-lint.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const NAMESPACE: Check = Check {
    code: "MESH0401",
    severity: Error,
    title: "outside of istiod's namespace",
    meaning: "istiod reads remote Secrets of its own namespace only. istioctl writes them into the \
        namespace of the current context when it is given none.",
    remedy: "Make it again in istiod's namespace, and delete this one.",
    source: "istio/istio issue 49780",
};

pub const LABEL: Check = Check {
    code: "MESH0402",
    severity: Error,
    title: "without the label by which istiod finds it",
    meaning: "istiod reads Secrets with the label istio/multiCluster=true only.",
    remedy: "Label it.",
    source: "istio/istio pkg/kube/multicluster/secretcontroller.go",
};

pub const ANNOTATION: Check = Check {
    code: "MESH0403",
    severity: Warning,
    title: "annotated with another cluster",
    meaning: "The annotation networking.istio.io/cluster names a cluster for which the Secret has no \
        key. istiod goes by the keys; people go by the annotation.",
    remedy: "Correct the annotation.",
    source: "istio/istio pkg/kube/multicluster/secretcontroller.go",
};

pub const NO_KEYS: Check = Check {
    code: "MESH0404",
    severity: Error,
    title: "holds no cluster",
    meaning: "The Secret has no key: istiod forgets the clusters that it had from it.",
    remedy: "Make it again.",
    source: "istio/istio pkg/kube/multicluster/secretcontroller.go",
};

pub const KEY: Check = Check {
    code: "MESH0405",
    severity: Error,
    title: "a key that no Secret can have",
    meaning: "No API server takes a Secret with this key.",
    remedy: "Make it again under the cluster's ID; if that is the ID, install the cluster with \
        another one.",
    source: "Kubernetes, IsConfigMapKey",
};

pub const DEFAULT_ID: Check = Check {
    code: "MESH0406",
    severity: Warning,
    title: "the ID of every cluster without a name",
    meaning: "The Secret is for a cluster \"Kubernetes\", which is what every cluster is called that \
        was installed without a name.",
    remedy: "Install that cluster with a clusterName.",
    source: "istio/istio issue 36990",
};

pub const OWN_ID: Check = Check {
    code: "MESH0407",
    severity: Error,
    title: "istiod's own cluster ID",
    meaning: "istiod ignores an entry with its own CLUSTER_ID, so the cluster that is meant stays \
        unknown.",
    remedy: "Make the Secret under the ID of the cluster that it leads to; delete one that leads to \
        istiod's own cluster.",
    source: "istio/istio pkg/kube/multicluster/secretcontroller.go",
};

pub const ID_TWICE: Check = Check {
    code: "MESH0408",
    severity: Error,
    title: "one cluster ID in two Secrets",
    meaning: "istiod takes the first that it sees and ignores the other; which one that is may change \
        when it is restarted.",
    remedy: "Delete the one that is out of date.",
    source: "istio/istio issue 36990",
};

pub const CLUSTER_TWICE: Check = Check {
    code: "MESH0409",
    severity: Error,
    title: "one cluster under two IDs",
    meaning: "Two entries lead to one API server: every endpoint there counts twice, once as that of a \
        cluster which does not exist.",
    remedy: "Keep the one whose key is the other cluster's CLUSTER_ID.",
    source: "istio/istio pkg/kube/multicluster/secretcontroller.go",
};

pub const INVALID: Check = Check {
    code: "MESH0411",
    severity: Error,
    title: "a kubeconfig that istiod cannot load",
    meaning: "istiod logs an error, counts it, and does not try again.",
    remedy: "Make the Secret again.",
    source: "istio/istio pkg/kube/util.go",
};

pub const NOT_ALLOWED: Check = Check {
    code: "MESH0413",
    severity: Error,
    title: "a kubeconfig that istiod does not allow",
    meaning: "istiod refuses kubeconfigs that run a program or read a file, unless \
        PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS names them: \"exec is not allowed\".",
    remedy: "Make the Secret again with a service account's token.",
    source: "istio/istio issues 36307 and 36423",
};

pub const SERVER: Check = Check {
    code: "MESH0421",
    severity: Error,
    title: "a server that is no https address",
    meaning: "istiod cannot connect to it, and says so only vaguely.",
    remedy: "Make the Secret again with the API server's address.",
    source: "istio.io issue 16445",
};

pub const SERVER_LOCAL: Check = Check {
    code: "MESH0422",
    severity: Error,
    title: "a server address that leads nowhere else",
    meaning: "The address (127.0.0.1, localhost) is that of the machine on which the kubeconfig was \
        made. In istiod's pod it is the pod itself.",
    remedy: "Make the Secret again with an address that other clusters reach.",
    source: "istio/istio issues 31081, 44826 and 58047",
};

pub const SERVER_NAME: Check = Check {
    code: "MESH0423",
    severity: Warning,
    title: "a server name that not everybody knows",
    meaning: "The server's name means something on one machine or in one cluster only.",
    remedy: "Make the Secret again with an address that other clusters reach.",
    source: "istio/istio issues 31081 and 44826",
};

pub const PROXY: Check = Check {
    code: "MESH0424",
    severity: Warning,
    title: "a way that goes through a proxy",
    meaning: "istiod has to reach the proxy, too.",
    remedy: "Make the Secret again with an address that needs no proxy.",
    source: "istio/istio issue 51934",
};

pub const UNVERIFIED: Check = Check {
    code: "MESH0425",
    severity: Warning,
    title: "a server certificate that is not checked",
    meaning: "Whoever answers at the address gets the token.",
    remedy: "Make the Secret again with the CA of the server.",
    source: "istio/istio pkg/kube/util.go",
};

pub const CA_FILE: Check = Check {
    code: "MESH0426",
    severity: Warning,
    title: "a CA in a file",
    meaning: "The file has to be in istiod's pod.",
    remedy: "Make the Secret again with the CA itself.",
    source: "istio/istio pkg/kube/util.go",
};

pub const NO_CA: Check = Check {
    code: "MESH0427",
    severity: Error,
    title: "an IP address without a CA",
    meaning: "No public CA signs certificates for the address of an API server: the connection fails.",
    remedy: "Make the Secret again with the CA of the server.",
    source: "istio.io issue 15911",
};

pub const CA: Check = Check {
    code: "MESH0428",
    severity: Error,
    title: "a CA that is no certificate",
    meaning: "istiod cannot make a connection with it.",
    remedy: "Make the Secret again.",
    source: "istio/istio pkg/kube/util.go",
};

pub const PUBLIC_CA: Check = Check {
    code: "MESH0429",
    severity: Warning,
    title: "a cluster's CA where the certificate is public",
    meaning: "GKE's DNS endpoint shows a certificate of a public CA, which the cluster's own CA does \
        not fit.",
    remedy: "Make the Secret again: mesh-remote-secret leaves the CA out there.",
    source: "istio.io issue 15911, istio/istio issue 51376",
};

pub const NO_CREDENTIALS: Check = Check {
    code: "MESH0431",
    severity: Error,
    title: "no credentials",
    meaning: "istiod would ask as nobody, and be refused.",
    remedy: "Make the Secret again.",
    source: "istio/istio pkg/kube/util.go",
};

pub const PASSWORD: Check = Check {
    code: "MESH0432",
    severity: Warning,
    title: "a password",
    meaning: "Kubernetes takes no passwords since 1.19.",
    remedy: "Make the Secret again with a service account's token.",
    source: "Kubernetes 1.19, changes",
};

pub const OPAQUE: Check = Check {
    code: "MESH0433",
    severity: Warning,
    title: "a token that is no JWT",
    meaning: "Nobody can tell when the token ends, or whose it is.",
    remedy: "Make the Secret again with a service account's token.",
    source: "-",
};

pub const EXPIRED: Check = Check {
    code: "MESH0434",
    severity: Error,
    title: "a token that has expired",
    meaning: "The API server answers 401. istiod keeps the endpoints that it had until it is \
        restarted, and then has none of that cluster; the log says \"Unauthorized\".",
    remedy: "Make the Secret again; let a job do so in time.",
    source: "istio/istio issues 37925, 34210, 58047, 36337 and 39367",
};

pub const EXPIRES: Check = Check {
    code: "MESH0435",
    severity: Warning,
    title: "a token that expires soon",
    meaning: "The token ends within the time of --within, or it is past the time at which its Secret \
        notes that it should be renewed.",
    remedy: "Make the Secret again.",
    source: "istio/istio issues 56358 and 57191",
};

pub const NO_EXPIRY: Check = Check {
    code: "MESH0436",
    severity: Warning,
    title: "a token that never expires",
    meaning: "Whoever copies the token has it until its Secret is deleted; it reads all Secrets of its \
        cluster. istioctl makes no others.",
    remedy: "Make the Secret again with a token that ends, and have it renewed.",
    source: "istio/istio issue 56358",
};

pub const TOO_EARLY: Check = Check {
    code: "MESH0437",
    severity: Error,
    title: "a token that is not valid yet",
    meaning: "The API server answers 401 until then. The clock of one of the two clusters is wrong.",
    remedy: "Correct the clock; if the token is still early, make the Secret again.",
    source: "RFC 7519, nbf and iat",
};

pub const SUBJECT: Check = Check {
    code: "MESH0438",
    severity: Warning,
    title: "a token that is no service account's",
    meaning: "It is a person's or a program's token: it does more than read, or ends when they leave.",
    remedy: "Make the Secret again with a service account's token.",
    source: "-",
};

pub const ACCOUNT_NAMESPACE: Check = Check {
    code: "MESH0439",
    severity: Warning,
    title: "a service account outside of Istio's namespace",
    meaning: "It is none that Istio installs; who may use the namespace may use the account.",
    remedy: "Make the Secret again with Istio's own reader account.",
    source: "-",
};

pub const AUDIENCE: Check = Check {
    code: "MESH0440",
    severity: Warning,
    title: "a token for somebody else",
    meaning: "The token's audience is not the API server's issuer: it is refused unless the API server \
        was told otherwise.",
    remedy: "Make the Secret again.",
    source: "Kubernetes, --api-audiences",
};

pub const POD: Check = Check {
    code: "MESH0441",
    severity: Warning,
    title: "a token that ends with a pod",
    meaning: "The token is bound to a pod: it ends when that does.",
    remedy: "Make the Secret again.",
    source: "Kubernetes, bound service account tokens",
};

pub const CHARACTERS: Check = Check {
    code: "MESH0443",
    severity: Error,
    title: "a token that no request can carry",
    meaning: "The token has a line break or another control character in it, often at its end, as echo \
        writes one. Go refuses to send it, so istiod never reads the cluster.",
    remedy: "Make the Secret again; encode tokens with printf or echo -n.",
    source: "kubernetes issue 52919; golang.org/x/net/http/httpguts",
};

pub const SHORT_LIVED: Check = Check {
    code: "MESH0444",
    severity: Error,
    title: "a token of which it is known that it ends soon",
    meaning: "The token is one that a cloud gives to people: k8s-aws-v1. of EKS works for 15 minutes, \
        ya29. of Google for an hour, sha256~ of OpenShift for a day. istiod gets no other when it \
        has ended.",
    remedy: "Make the Secret again with a service account's token.",
    source: "aws eks get-token; Google Cloud, access tokens; OpenShift, accessTokenMaxAgeSeconds",
};

pub const EXPIRY_NOTE: Check = Check {
    code: "MESH0442",
    severity: Warning,
    title: "an expiry that is not the token's",
    meaning: "The annotation meshutils/expires says another time than the token: whatever goes by the \
        annotation renews too late.",
    remedy: "Take the annotation off: the Secret of the next token brings the right one.",
    source: "-",
};

pub const ACCOUNT_GONE: Check = Check {
    code: "MESH0451",
    severity: Error,
    title: "a service account that is gone",
    meaning: "The service account whose token it is was deleted, or deleted and made again: the token \
        is taken back.",
    remedy: "Make the Secret again.",
    source: "istio/istio issues 37925 and 58047",
};

pub const TOKEN_GONE: Check = Check {
    code: "MESH0452",
    severity: Error,
    title: "a token that was taken back",
    meaning: "The Secret in the other cluster that held the token is gone, or holds another one.",
    remedy: "Make the Secret again.",
    source: "istio/istio issues 37925 and 60612",
};

pub const OTHER_CA: Check = Check {
    code: "MESH0453",
    severity: Warning,
    title: "a CA that is not the cluster's",
    meaning: "The CA in the Secret is not the one that the cluster gives its own pods: right for a \
        front with a certificate of its own (Rancher, vcluster), wrong after the cluster's CA \
        was changed.",
    remedy: "Make the Secret again.",
    source: "istio.io issue 15911, istio/istio issue 51376",
};

/// All of them.
pub const ALL: &[Check] = &[
    NAMESPACE,
    LABEL,
    ANNOTATION,
    NO_KEYS,
    KEY,
    DEFAULT_ID,
    OWN_ID,
    ID_TWICE,
    CLUSTER_TWICE,
    INVALID,
    NOT_ALLOWED,
    SERVER,
    SERVER_LOCAL,
    SERVER_NAME,
    PROXY,
    UNVERIFIED,
    CA_FILE,
    NO_CA,
    CA,
    PUBLIC_CA,
    NO_CREDENTIALS,
    PASSWORD,
    OPAQUE,
    EXPIRED,
    EXPIRES,
    NO_EXPIRY,
    TOO_EARLY,
    SUBJECT,
    ACCOUNT_NAMESPACE,
    AUDIENCE,
    POD,
    EXPIRY_NOTE,
    CHARACTERS,
    SHORT_LIVED,
    ACCOUNT_GONE,
    TOKEN_GONE,
    OTHER_CA,
];
