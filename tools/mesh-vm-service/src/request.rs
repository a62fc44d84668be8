//! What is asked for, checked before anything is written.

use crate::{Address, Label, Machines, Pairs, Port, Probe, Protocol, Service};
use meshcore::{Error, Message, Result};
use serde_json::Value;

/// By which objects a service is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// As istioctl 1.6: a `ServiceEntry` with addresses in it and a Service without selector.
    External,
    /// A `WorkloadEntry` for each machine and a Service with a selector.
    Service,
    /// A `WorkloadEntry` for each machine and a `ServiceEntry` with a selector.
    ServiceEntry,
    /// A `WorkloadGroup`.
    Group(Option<Probe>),
}

/// A service, its machines and the form of their registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// By which objects.
    pub form: Form,
    /// What the machines offer.
    pub service: Service,
    /// What they have in common; their labels include the selector.
    pub machines: Machines,
    /// Where they are.
    pub addresses: Vec<Address>,
    /// Labels by which they are found; of no use to [`Form::External`].
    pub selector: Pairs,
}

/// The selector, and the labels of machines that it finds.
pub(crate) fn labels(
    form: &Form,
    name: &str,
    selector: Vec<Label>,
    labels: Vec<Label>,
) -> Result<(Pairs, Pairs)> {
    let pairs = |labels: Vec<Label>| labels.into_iter().map(|label| (label.key, label.value));
    let mut selector = without_twins("--selector", pairs(selector))?;
    let mut labels = without_twins("--labels", pairs(labels))?;
    if *form == Form::External {
        return if selector.is_empty() {
            Ok((selector, labels))
        } else {
            Err(Error::usage("--selector is for --modern and --group")
                .hint("without them the addresses stand in the ServiceEntry"))
        };
    }
    if selector.is_empty() {
        selector.insert("app".to_owned(), name.to_owned());
    }
    for (key, value) in &selector {
        match labels.insert(key.clone(), value.clone()) {
            Some(other) if other != *value => {
                return Err(Error::usage(format!(
                    "machines with the label {key}={other} are not found by {key}={value}"
                ))
                .hint(format!("--selector {key}={other} finds them")));
            }
            _ => {}
        }
    }
    Ok((selector, labels))
}

/// Pairs whose keys differ.
pub(crate) fn without_twins(
    flag: &str,
    pairs: impl IntoIterator<Item = (String, String)>,
) -> Result<Pairs> {
    let mut found = Pairs::new();
    for (key, value) in pairs {
        if found.contains_key(&key) {
            return Err(Error::usage(format!("{flag}: {key} is there twice")));
        }
        found.insert(key, value);
    }
    Ok(found)
}

impl Request {
    /// The same, if Istio and Kubernetes will take what it makes.
    pub(crate) fn checked(self) -> Result<Self> {
        self.check_items()?;
        self.check_form()?;
        self.check_version()?;
        Ok(self)
    }

    fn check_items(&self) -> Result<()> {
        for (i, address) in self.addresses.iter().enumerate() {
            if self.addresses[..i].contains(address) {
                return Err(Error::usage(format!("address {address} is there twice")));
            }
        }
        // A Service has a number once for each transport, a ServiceEntry just once.
        let has_entry = matches!(self.form, Form::External | Form::ServiceEntry);
        let ports = &self.service.ports;
        for (i, port) in ports.iter().enumerate() {
            let is_twin = |other: &&Port| {
                other.number == port.number
                    && (has_entry || other.protocol.transport() == port.protocol.transport())
            };
            if let Some(other) = ports[..i].iter().find(is_twin) {
                return Err(Error::usage(format!("{other} and {port} are one port"))
                    .hint("a service speaks one protocol at a port"));
            }
        }
        Ok(())
    }

    fn check_form(&self) -> Result<()> {
        if matches!(self.form, Form::Group(_)) {
            return match self.addresses.first() {
                None => Ok(()),
                Some(address) => Err(Error::usage(format!("--group takes no address: {address}"))
                    .hint("each machine brings its own when it connects to istiod")),
            };
        }
        let host = self.addresses.iter().find(|address| matches!(address, Address::Host(_)));
        if self.form != Form::ServiceEntry
            && let Some(host) = host
        {
            return Err(Error::usage(format!("a Service has no endpoint by name: {host}"))
                .hint("--modern --service-entry lets proxies look it up (resolution DNS)"));
        }
        let missing = if self.form == Form::External && self.addresses.is_empty() {
            "the address of a machine is missing"
        } else if self.service.ports.is_empty() {
            "a port of the service is missing"
        } else {
            return Ok(());
        };
        Err(Error::usage(missing)
            .hint(format!("as: mesh-vm-service {} 10.128.0.9 grpc:3550", self.service.name)))
    }

    fn check_version(&self) -> Result<()> {
        let minor = self.service.version.map_or(u16::MAX, meshcore::IstioVersion::minor);
        let thrift = self.service.ports.iter().find(|port| port.protocol == Protocol::Thrift);
        if let Some(port) = thrift
            && minor >= 14
        {
            return Err(Error::usage(format!("{port}: Istio knows no thrift from 1.14 on")).hint(
                format!(
                    "tcp:{} passes it on unread; an older Istio is --istio-version",
                    port.number
                ),
            ));
        }
        let (what, since) = match &self.form {
            Form::External => return Ok(()),
            Form::Service => ("Services that select machines", 7),
            Form::ServiceEntry => ("WorkloadEntries", 6),
            Form::Group(Some(Probe::Grpc(_))) => ("probes of a WorkloadGroup by gRPC", 25),
            Form::Group(_) => ("WorkloadGroups", 8),
        };
        if minor >= since {
            return Ok(());
        }
        let hint = match self.form {
            Form::Service if minor >= 6 => "with --service-entry there is no such Service",
            Form::Group(Some(_)) if minor >= 8 => "--probe tcp:PORT asks whether it listens",
            _ => "without --modern and --group the objects are those of istioctl 1.6",
        };
        Err(Error::usage(format!("{what} came with Istio 1.{since}")).hint(hint))
    }

    /// What will be taken, and may not do what is wanted.
    #[must_use]
    pub fn warnings(&self) -> Vec<Message> {
        [self.plain_text(), self.unknown_name(), self.other_network()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What is as it was asked for, and is worth a second look.
    #[must_use]
    pub fn note(&self) -> Option<Message> {
        let is_modern = matches!(self.form, Form::Service | Form::ServiceEntry);
        (is_modern && self.addresses.is_empty()).then(|| {
            Message::new("no address is given: the machines have to register themselves (--group)")
        })
    }

    /// Endpoints with neither a service account nor this label are taken to have no proxy
    /// (`getTLSModeFromWorkloadEntry` of istiod); without mutual TLS no gateway passes them on.
    fn plain_text(&self) -> Option<Message> {
        let tls_mode = "security.istio.io/tlsMode";
        if self.form != Form::External || self.machines.labels.contains_key(tls_mode) {
            return None;
        }
        let other_networks = match &self.machines.network {
            Some(network) => format!("; those outside {network} not at all if it has a gateway"),
            None => String::new(),
        };
        Some(
            Message::new(format!(
                "proxies speak plain text to these addresses, as with istioctl 1.6{other_networks}"
            ))
            .hint(format!("--modern, or -l {tls_mode}=istio, where the machines have proxies")),
        )
    }

    fn unknown_name(&self) -> Option<Message> {
        let Service { name, namespace, domain, .. } = &self.service;
        (self.form == Form::ServiceEntry).then(|| {
            Message::new(format!(
                "the name {name}.{namespace}.svc.{domain} has no Service: only pods whose proxy \
                 answers DNS can look it up"
            ))
            .hint("proxies with ISTIO_META_DNS_CAPTURE=true do")
        })
    }

    /// Addresses that mean nothing in the cluster's network.
    fn other_network(&self) -> Option<Message> {
        let network = self.machines.network.as_ref()?;
        let gateway =
            format!("others reach it through an east-west gateway of {network}, or not at all");
        if matches!(self.form, Form::Group(_)) {
            return Some(
                Message::new(format!(
                    "each machine registers the address that it sees, which may be private: {gateway}"
                ))
                .hint("mesh-vm-env --external-ip makes it register another"),
            );
        }
        let private = self.addresses.iter().find(|address| address.is_private())?;
        Some(
            Message::new(format!("{private} is a private address: {gateway}"))
                .hint("an address that the cluster can reach itself needs no --network"),
        )
    }

    /// The objects, in the order in which they should come to be.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let Self { form, service, machines, addresses, selector } = self;
        let with_machines = |found_by: Value| {
            service.machines(machines, addresses).chain([found_by]).collect::<Vec<_>>()
        };
        match form {
            Form::External => service.external(machines, addresses),
            Form::Service => with_machines(service.selecting(selector)),
            Form::ServiceEntry => with_machines(service.entry_selecting(selector, addresses)),
            Form::Group(probe) => vec![service.group(machines, probe.as_ref())],
        }
    }
}
