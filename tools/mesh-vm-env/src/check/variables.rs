//! `cluster.env`: what a shell makes of it, and then the agent.

use super::assignments::{self, Assignment, Kind};
use super::report::Report;
use super::{Recipe, table};
use crate::bundle::CLUSTER_ENV;
use crate::environment::takes_over;
use meshcore::cidr;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU16;

/// Values by name.
pub type Variables = BTreeMap<String, String>;

/// Variables without which the agent does not know who it is or what to take.
const NEEDED: [&str; 6] = [
    "ISTIO_INBOUND_PORTS",
    "ISTIO_META_CLUSTER_ID",
    "ISTIO_NAMESPACE",
    "ISTIO_SERVICE",
    "ISTIO_SERVICE_CIDR",
    "SERVICE_ACCOUNT",
];

/// Looks at the text and gives the variables that it sets.
pub fn check(text: &str, recipe: Recipe, report: &mut Report<'_>) -> Variables {
    let (assignments, surprises) = assignments::read(text);
    for surprise in surprises {
        let (check, says) = match surprise.kind {
            Kind::Executes => (table::EXECUTES, "has something that a shell executes, as root"),
            Kind::Expands => {
                (table::EXPANDS, "has something that a shell replaces by what the machine has")
            }
            Kind::Stops => (table::SYNTAX, "cannot be read by a shell from here on"),
            Kind::CarriageReturn => {
                (table::SYNTAX, "ends as on Windows: a shell takes that for a part of the value")
            }
        };
        let text = format!("line {} {says}", surprise.line);
        let fix = "put the value into single quotes: NAME='VALUE'";
        report.find(check, CLUSTER_ENV, &text, json!({"line": surprise.line}), fix);
    }
    let variables = collect(assignments, report);
    for name in variables.keys().filter(|name| takes_over(name) && *name != "ISTIO_SVC_IP") {
        let text =
            format!("sets {name}, which changes which programs the machine runs as root, or how");
        let fix = format!("take {name} out, and ask who put it in");
        report.find(table::TAKES_OVER, CLUSTER_ENV, &text, json!({"variable": name}), &fix);
    }
    let needed = match recipe {
        Recipe::Current => &NEEDED[..],
        Recipe::Old => &["ISTIO_SERVICE_CIDR"],
    };
    for name in needed.iter().filter(|name| variables.get(**name).is_none_or(String::is_empty)) {
        let text = format!("has no {name}");
        report.find(table::VARIABLE, CLUSTER_ENV, &text, json!({"variable": name}), AGAIN);
    }
    values(&variables, report);
    variables
}

/// What to do where nothing less helps.
const AGAIN: &str = "make it again with mesh-vm-env";

fn collect(assignments: Vec<Assignment>, report: &mut Report<'_>) -> Variables {
    let mut variables = Variables::new();
    for Assignment { name, value, line, has_pattern } in assignments {
        let evidence = json!({"variable": name, "line": line});
        if has_pattern {
            let text = format!("line {line} has {name} with a pattern of file names and no quotes");
            let fix = format!("put it into single quotes: {name}='{value}'");
            report.find(table::UNQUOTED, CLUSTER_ENV, &text, evidence.clone(), &fix);
        }
        let known = variables.insert(name.clone(), value.clone());
        if known.is_some_and(|known| known != value) {
            let text = format!("line {line} sets {name} to something else than a line before it");
            report.find(table::TWICE, CLUSTER_ENV, &text, evidence, "leave one of the lines out");
        }
    }
    variables
}

/// Variables whose values can be wrong in themselves.
fn values(variables: &Variables, report: &mut Report<'_>) {
    let given = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let mut wrong = |check, name: &str, reason: String, fix: &str| {
        let evidence = json!({"variable": name, "value": given(name)});
        report.find(check, CLUSTER_ENV, &format!("{name}: {reason}"), evidence, fix);
    };
    let name = "ISTIO_SERVICE_CIDR";
    for range in given(name).into_iter().flat_map(|value| value.split(',')) {
        if let Err(error) = cidr::parse(range)
            && range != "*"
        {
            let fix = "the cluster's range: mesh-clusters shows it, as kind service";
            wrong(table::SERVICE_CIDR, name, format!("{range:?} {error}"), fix);
        }
    }
    for name in ["ISTIO_INBOUND_PORTS", "ISTIO_LOCAL_EXCLUDE_PORTS"] {
        for port in given(name).into_iter().flat_map(|value| value.split(',')) {
            if port != "*" && port.parse::<NonZeroU16>().is_err() {
                let reason = format!("{port:?} is no port from 1 to 65535");
                wrong(table::PORTS, name, reason, "a list of numbers with commas, or *");
            }
        }
    }
    let name = "ISTIO_SVC_IP";
    if let Some(value) = given(name)
        && value.parse::<IpAddr>().is_err()
    {
        let reason = format!("{value:?} is no IP address");
        wrong(table::ADDRESS, name, reason, "an address of the machine, or leave it out");
    }
}
