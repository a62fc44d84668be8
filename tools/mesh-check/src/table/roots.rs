//! The mesh's CA: codes as mesh-cacerts verify has them.

use crate::table::Check;
use meshcore::finding::Severity::{Error, Warning};

pub const INCOMPLETE: Check = Check {
    code: "MESH0501",
    severity: Error,
    title: "an incomplete set of files",
    meaning: "istiod from 1.26 on does not start with part of a CA; before, it silently signs with a \
        root of its own.",
    remedy: "Give it all four files.",
    source: "istio/istio pilot/pkg/bootstrap/istio_ca.go",
};

pub const UNREADABLE_CA: Check = Check {
    code: "MESH0502",
    severity: Error,
    title: "a CA certificate that cannot be read",
    meaning: "istiod does not start.",
    remedy: "Make an intermediate anew.",
    source: "istio/istio security/pkg/pki/util/keycertbundle.go",
};

pub const NO_ROOT: Check = Check {
    code: "MESH0503",
    severity: Error,
    title: "a root bundle without a certificate",
    meaning: "istiod does not start: nothing leads to a root that is not there.",
    remedy: "Make an intermediate anew.",
    source: "istio/istio security/pkg/pki/util/keycertbundle.go",
};

pub const NOT_VALID_NOW: Check = Check {
    code: "MESH0504",
    severity: Error,
    title: "a certificate that is not valid now",
    meaning: "A certificate between the CA and its root has ended or has not begun. istiod does not \
        start; proxies refuse each other.",
    remedy: "Make an intermediate, or a root, anew.",
    source: "istio/istio issue 47650",
};

pub const NO_WAY_TO_ROOT: Check = Check {
    code: "MESH0505",
    severity: Error,
    title: "a CA certificate that does not lead to its root",
    meaning: "istiod does not start: no chain leads from the CA certificate to a root of \
        root-cert.pem.",
    remedy: "Make an intermediate anew.",
    source: "istio/istio security/pkg/pki/util/keycertbundle.go",
};

pub const NO_CA: Check = Check {
    code: "MESH0509",
    severity: Error,
    title: "a certificate that may sign no others",
    meaning: "istiod does not start: the certificate says CA:false.",
    remedy: "Make an intermediate anew.",
    source: "istio/istio security/pkg/pki/util/keycertbundle.go",
};

pub const CERT_SIGN: Check = Check {
    code: "MESH0511",
    severity: Error,
    title: "a CA without the key usage keyCertSign",
    meaning: "istiod takes it, and every proxy refuses what it signs.",
    remedy: "Make an intermediate anew.",
    source: "RFC 5280, section 4.2.1.3",
};

pub const EXTENDED_USAGE: Check = Check {
    code: "MESH0512",
    severity: Error,
    title: "a CA that may not sign for both ends of TLS",
    meaning: "Extended key usages hold for all that is signed below: without clientAuth no proxy can \
        be a client, without serverAuth none a server.",
    remedy: "Make an intermediate anew.",
    source: "Go, crypto/x509",
};

pub const WEAK_KEY: Check = Check {
    code: "MESH0513",
    severity: Error,
    title: "a key that is too small",
    meaning: "Proxies and istiod refuse it, or should.",
    remedy: "Make a root and intermediates anew.",
    source: "BoringSSL; Go 1.24, crypto/rsa",
};

pub const NOT_IN_CHAIN: Check = Check {
    code: "MESH0514",
    severity: Error,
    title: "a chain without the CA certificate",
    meaning: "Proxies send their own certificate and the chain: without the CA certificate in it \
        others find no way to the root.",
    remedy: "Put the CA certificate in front of the chain.",
    source: "istio/istio security/pkg/pki/util/keycertbundle.go",
};

pub const CHAIN_ORDER: Check = Check {
    code: "MESH0515",
    severity: Warning,
    title: "a chain in another order than leaf to root",
    meaning: "TLS asks for the order from the leaf on; some readers insist on it.",
    remedy: "Put the chain in order.",
    source: "RFC 8446, section 4.4.2; istio/istio tools/certs/Makefile.k8s.mk",
};

pub const OTHER_ROOT: Check = Check {
    code: "MESH0516",
    severity: Warning,
    title: "a chain with another root than the bundle's",
    meaning: "The chain ends in a root that is not in root-cert.pem: left over from another root.",
    remedy: "Make an intermediate anew.",
    source: "-",
};

pub const EXPIRES: Check = Check {
    code: "MESH0518",
    severity: Warning,
    title: "a certificate that expires soon",
    meaning: "A certificate between the CA and its root ends within the time of --within: everything \
        stops on that day.",
    remedy: "Rotate it in time: mesh-cacerts rotate.",
    source: "istio/istio issues 47650, 36723 and 46600",
};

pub const SAMPLE: Check = Check {
    code: "MESH0519",
    severity: Error,
    title: "Istio's sample CA, whose key is public",
    meaning: "The key is in Istio's repository: anybody can be any workload of the mesh.",
    remedy: "Go over to a root of your own: mesh-cacerts rotate.",
    source: "istio/istio samples/certs",
};

pub const PATH_LENGTH: Check = Check {
    code: "MESH0521",
    severity: Error,
    title: "a CA that allows no istiod below it",
    meaning: "A certificate above istiod's CA has a path length (pathlen) that allows fewer CAs below it \
        than there are. istiod starts, as its own certificate is allowed, and peers refuse every \
        workload.",
    remedy: "Have istiod's CA signed by one that allows CAs below it: a template of AWS Private CA \
        with PathLen1, for instance.",
    source: "RFC 5280, 4.2.1.9",
};

pub const NO_TRUST: Check = Check {
    code: "MESH0531",
    severity: Error,
    title: "clusters that do not trust each other",
    meaning: "The certificates of one cluster lead to a root that the other's proxies do not have. All \
        calls between them fail: 503, CERTIFICATE_VERIFY_FAILED.",
    remedy: "Give all clusters intermediates of one root: mesh-cacerts rotate, which keeps both roots \
        while it lasts.",
    source: "istio/istio issues 32501, 52356, 55005 and 61719",
};

pub const ROOTS_DIFFER: Check = Check {
    code: "MESH0532",
    severity: Warning,
    title: "clusters with different root bundles",
    meaning: "They trust each other now, and have not the same roots: a rotation that did not end.",
    remedy: "End it: mesh-cacerts rotate says what is missing.",
    source: "-",
};

pub const SAME_KEY: Check = Check {
    code: "MESH0533",
    severity: Warning,
    title: "one CA key in several clusters",
    meaning: "Who has the key from one cluster is in every other.",
    remedy: "Make an intermediate for each: mesh-cacerts init.",
    source: "-",
};

pub const NOT_TAKEN_UP: Check = Check {
    code: "MESH0534",
    severity: Error,
    title: "roots that istiod has not taken up",
    meaning: "The Secret cacerts was changed after istiod was started, and the roots that proxies are \
        given are still the old ones. Certificates that are signed from now on lead to a root \
        that they do not know.",
    remedy: "Restart istiod, and then the proxies.",
    source: "istio/istio issues 57853, 55464 and 47650",
};

/// All of them.
pub const ALL: &[Check] = &[
    INCOMPLETE,
    UNREADABLE_CA,
    NO_ROOT,
    NOT_VALID_NOW,
    NO_WAY_TO_ROOT,
    NO_CA,
    CERT_SIGN,
    EXTENDED_USAGE,
    WEAK_KEY,
    NOT_IN_CHAIN,
    CHAIN_ORDER,
    OTHER_ROOT,
    EXPIRES,
    SAMPLE,
    PATH_LENGTH,
    NO_TRUST,
    ROOTS_DIFFER,
    SAME_KEY,
    NOT_TAKEN_UP,
];
