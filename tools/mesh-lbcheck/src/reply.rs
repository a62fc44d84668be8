//! A reply as the pod wrote it, and which pod that was.

/// Which version, instance and cluster answered; what a reply does not say is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Label `version` of the pod that answered.
    pub version: &'a [u8],
    /// Host name of the pod that answered.
    pub instance: &'a [u8],
    /// The cluster that it runs in.
    pub cluster: &'a [u8],
}

/// What counts are kept by: a pod that answers, as text that leaves a terminal alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Its version.
    pub version: String,
    /// Its name.
    pub instance: String,
    /// Its cluster, or empty.
    pub cluster: String,
}

/// What replies are told apart by: the label `version` of pods, pods, or clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Dimension {
    Version,
    Instance,
    Cluster,
}

impl Dimension {
    /// As a person calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Instance => "instance",
            Self::Cluster => "cluster",
        }
    }
}

impl Backend {
    /// What it is in a dimension.
    #[must_use]
    pub fn by(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::Version => &self.version,
            Dimension::Instance => &self.instance,
            Dimension::Cluster => &self.cluster,
        }
    }
}

impl<'a> Reply<'a> {
    /// Reads what the `HelloWorld` sample answers (istio samples/helloworld/src/app.py, 1.9.5 and
    /// 1.30.3): `Hello version: VERSION, instance: INSTANCE`. Neither holds white space: two
    /// replies on one line, or a reply with something after it, are none.
    #[must_use]
    pub fn hello_world(line: &'a [u8]) -> Option<Self> {
        const SEPARATOR: &[u8] = b", instance: ";
        let rest = line.strip_prefix(b"Hello version: ")?;
        let end = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)?;
        let (version, instance) = (&rest[..end], &rest[end + SEPARATOR.len()..]);
        let reply = Self { version, instance, cluster: b"" };
        (is_name(version) && is_name(instance)).then_some(reply)
    }

    /// Which pod it came from.
    #[must_use]
    pub fn backend(&self) -> Backend {
        let [version, instance, cluster] = [self.version, self.instance, self.cluster].map(shown);
        Backend { version, instance, cluster }
    }
}

/// Whether a pod could have it as its version or host name, which have at most 253 characters
/// (Kubernetes API conventions); bytes beyond ASCII are let pass.
#[must_use]
pub fn is_name(text: &[u8]) -> bool {
    (1..=253).contains(&text.len()) && text.iter().all(|&b| b > b' ' && b != 0x7f)
}

/// What came from a cluster, for people: text, whatever the bytes, that leaves a terminal alone.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    meshcore::visible(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reply_names_version_and_instance() {
        let reply =
            Reply::hello_world(b"Hello version: v1, instance: helloworld-v1-86f77cd7bd-cpxhv");
        let instance = b"helloworld-v1-86f77cd7bd-cpxhv".as_slice();
        assert_eq!(reply, Some(Reply { version: b"v1", instance, cluster: b"" }));
    }

    #[test]
    fn anything_else_is_none() {
        for line in [
            "",
            "upstream connect error",
            "hello version: v1, instance: a",
            " Hello version: v1, instance: a",
            "Hello version: , instance: a",
            "Hello version: v1, instance: ",
            "Hello version: v1, instance:a",
            "Hello version: v1",
            "Hello version: v1, instance: a ",
            "Hello version: v1, instance: a\u{1b}",
            &format!("Hello version: v1, instance: {}", "a".repeat(254)),
            "Hello version: v1, instance: aHello version: v2, instance: b",
        ] {
            assert_eq!(Reply::hello_world(line.as_bytes()), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(version in "[!-~é]{1,20}", instance in "[!-~é]{1,60}") {
            let line = format!("Hello version: {version}, instance: {instance}");
            let reply = Reply::hello_world(line.as_bytes()).unwrap();
            prop_assert_eq!(reply.version, version.as_bytes());
            prop_assert_eq!(reply.instance, instance.as_bytes());
        }

        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(reply) = Reply::hello_world(&line) {
                prop_assert!(is_name(reply.version) && is_name(reply.instance));
            }
        }
    }
}
