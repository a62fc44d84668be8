//! From the flags to the gateways they ask for.

use crate::gateway::{Injected, Site};
use crate::gateway_api::{Ambient, GatewayApi};
use crate::iop::{Form, Member, Operator};
use crate::load_balancer::LoadBalancer;
use crate::names::Identifier;
use crate::platform::{CertProvider, Platform};
use crate::replicas::Replicas;
use crate::{Args, Format, ranges, records};
use meshcore::cluster::{self, Cluster, Merged};
use meshcore::input::Input;
use meshcore::{Error, IstioVersion, Message, Network, Result, route};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A cluster that needs a gateway, as flags or its record describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub network: Option<Network>,
    pub id: Option<String>,
    pub mesh: Option<String>,
    pub platform: Option<Platform>,
    /// Its name, if it has a record.
    pub cluster: Option<String>,
}

/// Who makes the gateway's pods of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackEnd {
    /// istioctl, from an IstioOperator.
    Operator,
    /// helm, from values.
    Helm,
    /// kubectl, from the objects themselves.
    Manifests,
    /// istiod, from a Gateway.
    Ambient(GatewayApi),
}

impl Args {
    /// Who makes the gateway's pods, if the version of Istio knows it.
    pub(crate) fn back_end(&self) -> Result<BackEnd> {
        let is_older = |minor| self.istio_version.is_some_and(|version| version.minor() < minor);
        match (self.form(), self.ambient) {
            (Format::Helm | Format::Manifests, true) => {
                Err(Error::usage("--ambient: istiod makes the gateway of an ambient mesh itself")
                    .hint("it makes it of a Gateway: -o gateway-api"))
            }
            (Format::Helm | Format::Manifests, false) if is_older(12) => {
                Err(Error::usage("-o helm and -o manifests are for Istio 1.12 and newer")
                    .hint("before, istioctl installs gateways: -o iop"))
            }
            (Format::Helm, false) => Ok(BackEnd::Helm),
            (Format::Manifests, false) => Ok(BackEnd::Manifests),
            (Format::Iop | Format::Json, false) => Ok(BackEnd::Operator),
            (Format::GatewayApi, _) | (Format::Iop | Format::Json, true) if is_older(27) => {
                Err(Error::usage("gateways of ambient meshes came with Istio 1.27")
                    .hint("is --istio-version right?"))
            }
            _ if is_older(29) && matches!(self.replicas, Some(Replicas::Scaled { .. })) => {
                Err(Error::usage("--replicas: before Istio 1.29 ambient gateways do not scale")
                    .hint("name one number, as --replicas 2"))
            }
            _ if is_older(29) => Ok(BackEnd::Ambient(GatewayApi::V1Beta1)),
            _ => Ok(BackEnd::Ambient(GatewayApi::V1)),
        }
    }

    /// The clusters that need a gateway, and what is doubtful in their records.
    pub(crate) fn places(&self, back_end: BackEnd) -> Result<(Vec<Place>, Vec<Message>)> {
        if self.files.is_empty() {
            let text = |id: &Option<Identifier>| id.as_ref().map(|id| id.as_str().to_owned());
            let place = Place {
                network: self.network.clone(),
                id: text(&self.cluster),
                mesh: text(&self.mesh),
                platform: self.platform,
                cluster: None,
            };
            return Ok((vec![place], Vec::new()));
        }
        let stdin = Path::new("-");
        if self.source_ranges.as_deref() == Some(stdin) && self.files.iter().any(|f| f == stdin) {
            return Err(Error::usage("standard input can be read once: -f and --source-ranges")
                .hint("put one of them into a file"));
        }
        let described = cluster::read(&Input { files: self.files.clone() }.read()?)?;
        let Merged { clusters, contradictions } = cluster::merge(described.clusters);
        let mut warnings = described.warnings;
        warnings.extend(contradictions);
        warnings.extend(route::check(&clusters, &self.routed)?);
        let chosen = self.chosen(&clusters)?;
        if let [first, second, ..] = &chosen[..] {
            let both = format!("{} and {}", first.label(), second.label());
            if self.address.is_some() {
                return Err(Error::usage(format!("--address: {both} cannot share it"))
                    .hint("choose one of them with --cluster"));
            }
            match back_end {
                BackEnd::Helm => {
                    return Err(Error::usage(format!(
                        "-o helm: values are of one chart, not {both}"
                    ))
                    .hint("choose one of them with --cluster"));
                }
                BackEnd::Operator => warnings.push(
                    Message::new("istioctl install reads the first of several IstioOperators only")
                        .hint("for istioctl write one at a time, with --cluster"),
                ),
                _ => {}
            }
        }
        Ok((records::places(&chosen, &clusters, self.platform)?, warnings))
    }

    /// The clusters to write for: all of them, or the one that is named.
    fn chosen<'a>(&self, clusters: &'a [Cluster]) -> Result<Vec<&'a Cluster>> {
        let Some(wanted) = self.cluster.as_ref().map(Identifier::as_str) else {
            return Ok(clusters.iter().collect());
        };
        let is_wanted = |c: &&Cluster| c.name == wanted || c.id.as_deref() == Some(wanted);
        let chosen: Vec<&Cluster> = clusters.iter().filter(is_wanted).collect();
        if chosen.is_empty() {
            let known: Vec<String> = clusters.iter().map(Cluster::label).collect();
            return Err(Error::usage(format!("--cluster {wanted}: no record has it"))
                .hint(format!("there are {}", known.join(", "))));
        }
        Ok(chosen)
    }

    /// What is asked of the load balancers.
    pub(crate) fn load_balancer(&self) -> Result<LoadBalancer> {
        let source_ranges = match &self.source_ranges {
            Some(file) => ranges::read(
                &Input { files: vec![file.clone()] }.read()?,
                self.allow_any_source,
                &self.public.allow_public,
            )?,
            None => Vec::new(),
        };
        Ok(LoadBalancer {
            exposure: self.load_balancer,
            global_access: self.global_access,
            address: self.address,
            source_ranges,
            annotations: self.annotations.clone(),
        })
    }

    /// The gateway of one cluster.
    pub(crate) fn objects(
        &self,
        place: &Place,
        back_end: BackEnd,
        load_balancer: &LoadBalancer,
    ) -> Result<Vec<Value>> {
        let at_cluster = |error: Error| match &place.cluster {
            Some(cluster) => error.at(format!("cluster {cluster}")),
            None => error,
        };
        let service = load_balancer.service(place.platform).map_err(at_cluster)?;
        let site = Site {
            namespace: self.namespace.clone(),
            cluster: place.cluster.clone(),
            service,
            replicas: self.replicas,
            pull_policy: self.image_pull_policy,
        };
        let cert_provider = self.cert_provider(place).map_err(at_cluster)?;
        let network = || self.network(place);
        let injected =
            |site| Ok(Injected { network: network()?, revision: self.revision.clone(), site });
        Ok(match back_end {
            BackEnd::Operator => {
                let form = self.operator(place).map_err(at_cluster)?;
                vec![Operator { form, cert_provider, site }.object()]
            }
            BackEnd::Helm => vec![injected(site)?.helm_values()],
            BackEnd::Manifests => injected(site)?.manifests(),
            BackEnd::Ambient(api) => {
                // The script labels a single cluster's with a network, too, if it is given one.
                let network = network()?.or_else(|| place.network.clone());
                Ambient { api, network, labels: self.labels(), site }.objects()
            }
        })
    }

    /// The labels of a Gateway beside its network's; the script knows none.
    fn labels(&self) -> BTreeMap<&'static str, String> {
        let mut labels = BTreeMap::new();
        if self.form() == Format::GatewayApi {
            labels.insert("app.kubernetes.io/managed-by", "meshutils".to_owned());
            if let Some(revision) = &self.revision {
                labels.insert("istio.io/rev", revision.to_string());
            }
        }
        labels
    }

    fn operator(&self, place: &Place) -> Result<Form> {
        let revision = self.revision.clone();
        Ok(match self.istio_version {
            Some(version) if version.minor() == 8 && version.patch() == Some(0) => match revision {
                None => Form::V1_8_0(self.member(place, version)?),
                Some(_) => {
                    return Err(Error::usage("--revision: the gateway of Istio 1.8.0 has none")
                        .hint("Istio 1.8.1 and newer have it: is --istio-version right?"));
                }
            },
            Some(version) if version.minor() < 11 => {
                Form::V1_8_1(self.member(place, version)?, revision)
            }
            Some(version) if version.minor() < 12 => {
                Form::V1_11(self.member(place, version)?, revision)
            }
            _ => Form::V1_12(self.network(place)?, revision),
        })
    }

    /// The network, or none for a single cluster.
    fn network(&self, place: &Place) -> Result<Option<Network>> {
        match &place.network {
            _ if self.single_cluster => Ok(None),
            Some(network) => Ok(Some(network.clone())),
            None => Err(Error::usage("--network is missing").hint(
                "name the network of the cluster's pods (network1), or give --single-cluster",
            )),
        }
    }

    /// What gateways before 1.12 say of their cluster, or nothing for a single cluster.
    fn member(&self, place: &Place, version: IstioVersion) -> Result<Option<Member>> {
        let Some(network) = self.network(place)? else { return Ok(None) };
        let named = |flag: &str, field: &str, text: &Option<String>| {
            let missing = format!("{flag} is missing: the gateway of Istio {version} names it");
            match (text, &place.cluster) {
                (Some(text), _) => text
                    .parse::<Identifier>()
                    .map_err(|error| Error::data(format!("its {field} {text:?}: {error}"))),
                (None, None) => Err(Error::usage(missing)
                    .hint("before Istio 1.12 it needs --cluster and --mesh, or --single-cluster")),
                (None, Some(_)) => Err(Error::data(format!(
                    "its {field} is not known, and Istio {version} names it"
                ))
                .hint("mesh-id fills it in")),
            }
        };
        let mesh = place.mesh.clone().or_else(|| self.mesh.as_ref().map(|m| m.as_str().to_owned()));
        Ok(Some(Member {
            network,
            cluster: named("--cluster", "id", &place.id)?,
            mesh: named("--mesh", "meshId", &mesh)?,
        }))
    }

    fn cert_provider(&self, place: &Place) -> Result<Option<CertProvider>> {
        let version = self.istio_version;
        if let Some(authority) = self.ca {
            let platform = place.platform.ok_or_else(|| {
                Error::usage("--ca chooses the cert provider of a platform")
                    .hint("name what the cluster runs on with --platform")
            })?;
            return Ok(Some(CertProvider::of_guide(platform, authority, version)));
        }
        let refused = "--cert-provider kubernetes: istiod refuses it from Istio 1.23 on";
        match self.cert_provider {
            Some(provider) if !provider.works_with(version) => Err(match version {
                Some(_) => Error::usage(refused).hint("use istiod, or leave the flag out"),
                None => Error::usage(refused)
                    .hint("for an older Istio name it, as --istio-version 1.19; else use istiod"),
            }),
            provider => Ok(provider),
        }
    }

    /// What was asked for and is not done, or may not be meant.
    pub(crate) fn warnings(&self, places: &[Place], back_end: BackEnd) -> Vec<Message> {
        let is_operator = back_end == BackEnd::Operator;
        let is_ambient = matches!(back_end, BackEnd::Ambient(_));
        let is_script = matches!(self.form(), Format::Iop | Format::Json);
        let has_records = !self.files.is_empty();
        let names_cluster = is_operator
            && !self.single_cluster
            && self.istio_version.is_some_and(|version| version.minor() < 12);
        let why = if self.single_cluster {
            "the gateway of a single cluster does not name it"
        } else {
            "from Istio 1.12 on the gateway does not name it"
        };
        let platform_matters =
            self.ca.is_some() || self.load_balancer.is_some() || self.address.is_some();
        let injector = "it is the control plane that decides";
        let unused = [
            ("--network", self.network.is_some() && self.single_cluster && !is_ambient, why),
            ("--cluster", self.cluster.is_some() && !names_cluster && !has_records, why),
            ("--mesh", self.mesh.is_some() && !names_cluster, why),
            (
                "--revision",
                self.revision.is_some() && is_ambient && is_script,
                "the script of an ambient mesh has no place for it; -o gateway-api has",
            ),
            ("--cert-provider", self.cert_provider.is_some() && !is_operator, injector),
            ("--ca", self.ca.is_some() && !is_operator, injector),
            (
                "--platform",
                self.platform.is_some() && !platform_matters,
                "it matters to --ca, --load-balancer and --address",
            ),
            ("--routed", !self.routed.is_empty() && !has_records, "it is about the clusters of -f"),
            (
                "--namespace",
                self.namespace.is_some() && back_end == BackEnd::Helm,
                "say it to helm install",
            ),
        ];
        let mut warnings: Vec<Message> = unused
            .iter()
            .filter(|(_, is_unused, _)| *is_unused)
            .map(|(flag, _, why)| Message::new(format!("{flag} is given and not used: {why}")))
            .collect();
        let is_default = |place: &Place| place.network.as_ref().is_some_and(Network::is_default);
        // Of several clusters on it the records were asked.
        if let [place] = places
            && !self.single_cluster
            && is_default(place)
        {
            warnings.push(
                Message::new(
                    "network \"default\": clusters on networks of one name are taken for directly \
                     routable, and traffic between them goes past this gateway",
                )
                .hint("give each network its own name, as network1 and network2"),
            );
        }
        warnings
    }
}
