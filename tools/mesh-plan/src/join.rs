//! From what is to what is wanted: the steps that are missing.

mod control_planes;
mod exposure;
pub mod firewall;
mod gateways;
mod namespaces;
mod networks;
mod restarts;
mod roots;
mod secrets;
mod verification;

pub use exposure::{exposed, generate as expose};
pub use firewall::Rules;
pub use gateways::{NAME as GATEWAY, generate, service as gateway_service};
pub use namespaces::is_injected;
pub use networks::unlabel;
pub use secrets::Held;
pub use verification::check as verify;

use crate::step::{self, Stage, Step};
use crate::wanted::{Member, Wanted};
use jiff::Timestamp;
use meshcore::{Message, Result};

/// The missing steps in their order, and what the user should know besides.
#[derive(Debug, Default)]
pub struct Plan {
    /// In their order.
    pub steps: Vec<Step>,
    /// What is not planned, and why.
    pub warnings: Vec<(Stage, Message)>,
}

impl Plan {
    /// Notes that nothing is planned for a cluster in a stage.
    fn skip(&mut self, stage: Stage, member: &Member<'_>, reason: String) {
        self.warn(stage, Message::new(reason).at(format!("cluster {}", member.name)));
    }

    /// Notes what the user should know of a stage.
    pub fn warn(&mut self, stage: Stage, message: Message) {
        self.warnings.push((stage, message));
    }

    /// Leaves out all other stages, if there are any in the list.
    pub fn only(&mut self, stages: &[Stage]) {
        let is_asked_for = |stage: Stage| stages.is_empty() || stages.contains(&stage);
        self.steps.retain(|step| is_asked_for(step.stage));
        self.warnings.retain(|(stage, _)| is_asked_for(*stage));
    }
}

/// Plans the way to the mesh that is wanted, as of now. Unknown counts as missing wherever a step
/// does no harm where it is not needed; its `why` tells.
pub fn plan(wanted: &Wanted<'_>, rules: Option<&Rules>, now: Timestamp) -> Result<Plan> {
    let mut plan = Plan::default();
    roots::plan(wanted, &mut plan);
    networks::plan(wanted, &mut plan);
    control_planes::plan(wanted, &mut plan)?;
    gateways::plan(wanted, &mut plan)?;
    exposure::plan(wanted, &mut plan);
    secrets::plan(wanted, now, &mut plan);
    firewall::plan(wanted, rules, &mut plan)?;
    namespaces::plan(wanted, &mut plan);
    restarts::plan(wanted, &mut plan);
    if !plan.steps.is_empty() {
        plan.steps.push(verification::check(wanted, &wanted.members));
    }
    step::sort(&mut plan.steps);
    Ok(plan)
}
