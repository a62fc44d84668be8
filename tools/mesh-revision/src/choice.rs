//! Which of them are wanted, and the one to write.

use crate::{Channel, Kind, Label, Listed, Name};
use meshcore::Message;

/// What is wanted; everything that is asked for has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Choice {
    /// Only this tag and what it points to
    #[arg(long)]
    pub tag: Option<Name>,
    /// Only this channel of Google's, and the tags that point to it
    #[arg(long, value_enum)]
    pub channel: Option<Channel>,
    /// Only what istio-injection=enabled means
    #[arg(long)]
    pub default: bool,
    /// Only what is known to be ready
    #[arg(long)]
    pub ready_only: bool,
}

impl Choice {
    /// What of the list is wanted, in the same order.
    #[must_use]
    pub fn of(&self, all: &[Listed]) -> Vec<Listed> {
        let wanted = |listed: &&Listed| {
            self.tag.as_ref().is_none_or(|tag| is_of_tag(listed, tag, all))
                && self.channel.is_none_or(|channel| channel_of(listed, all) == Some(channel))
                && (!self.default || listed.default)
                && (!self.ready_only || listed.ready == Some(true))
        };
        all.iter().filter(wanted).cloned().collect()
    }
}

fn is_of_tag(listed: &Listed, tag: &Name, all: &[Listed]) -> bool {
    let points_there = |one: &&Listed| !one.is_control_plane() && one.name == *tag;
    if listed.is_control_plane() {
        all.iter().filter(points_there).any(|one| one.target() == &listed.name)
    } else {
        listed.name == *tag
    }
}

fn channel_of(listed: &Listed, all: &[Listed]) -> Option<Channel> {
    all.iter().filter(|one| one.name == *listed.target()).find_map(|one| match one.kind {
        Kind::Channel { channel } => channel,
        _ => None,
    })
}

/// The one name to write into `istio.io/rev`. A tag is another name of what it points to, and so
/// no further choice. Otherwise what there is to choose from.
pub fn only_name(listed: &[Listed]) -> Result<&Listed, Message> {
    let has_name = |one: &&Listed| matches!(one.label, Some(Label::Revision(_)));
    let control_planes = || listed.iter().filter(|one| one.is_control_plane());
    match control_planes().filter(has_name).collect::<Vec<_>>()[..] {
        [one] => Ok(one),
        [] => {
            Err(Message::new(format!("nothing can be written into istio.io/rev: {}", told(listed)))
                .hint("-o table shows the label that each of them answers to"))
        }
        [..] => {
            let choices = told(control_planes().filter(has_name));
            Err(Message::new(format!("more than one could be meant: {choices}"))
                .hint("say which with --default, --tag, --channel or --ready-only"))
        }
    }
}

/// As `revision 1-29 (default, 2 of 2 pods ready), tag prod (of 1-29)`.
pub fn told<'a>(listed: impl IntoIterator<Item = &'a Listed>) -> String {
    first(listed.into_iter().map(one_told))
}

/// The first of many, and how many more there are.
pub fn first(names: impl IntoIterator<Item = String>) -> String {
    const MOST: usize = 10;
    let mut names = names.into_iter();
    let told = names.by_ref().take(MOST).collect::<Vec<_>>().join(", ");
    match names.count() {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

fn one_told(listed: &Listed) -> String {
    let mut remarks = Vec::new();
    if let Kind::Tag { points_to } = &listed.kind {
        remarks.push(format!("of {points_to}"));
    }
    if listed.default {
        remarks.push("default".to_owned());
    }
    match (listed.pods, listed.ready) {
        (Some(pods), _) => remarks.push(format!("{} of {} pods ready", pods.ready, pods.total)),
        (None, Some(true)) => remarks.push("ready".to_owned()),
        (None, Some(false)) => remarks.push("not ready".to_owned()),
        (None, None) => {}
    }
    if !matches!(listed.label, Some(Label::Revision(_))) {
        remarks.push(match &listed.label {
            Some(label) => format!("answers to {label}"),
            None => "answers to no label alone".to_owned(),
        });
    }
    let name = format!("{} {}", listed.kind.as_str(), listed.name);
    if remarks.is_empty() { name } else { format!("{name} ({})", remarks.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{deployment, evidence, managed, name, revision_webhook, tag_webhook};
    use serde_json::json;

    /// Two revisions, a channel that is not ready, and tags for each.
    fn all() -> Vec<Listed> {
        let failed = json!([{"type": "Reconciled", "status": "False"}]);
        evidence(&[
            revision_webhook("1-29"),
            revision_webhook("1-30"),
            revision_webhook("asm-managed"),
            deployment("1-29", 2, 2),
            deployment("1-30", 0, 1),
            managed("asm-managed", json!("regular"), failed),
            tag_webhook("default", "1-29"),
            tag_webhook("next", "1-30"),
            tag_webhook("google", "asm-managed"),
            tag_webhook("old", "1-28"),
        ])
        .list()
    }

    fn names(choice: &Choice) -> String {
        let names: Vec<String> = choice.of(&all()).iter().map(|one| one.name.to_string()).collect();
        names.join(" ")
    }

    #[test]
    fn everything_asked_for_has_to_hold() {
        let any = Choice::default;
        let tag = |tag| Choice { tag: Some(name(tag)), ..any() };
        let regular = Choice { channel: Some(Channel::Regular), ..any() };
        for (choice, expected) in [
            (any(), "1-29 1-30 asm-managed default google next old"),
            (tag("next"), "1-30 next"),
            (tag("old"), "old"),
            (tag("1-30"), ""),
            (regular.clone(), "asm-managed google"),
            (Choice { channel: Some(Channel::Rapid), ..any() }, ""),
            (Choice { default: true, ..any() }, "1-29 default"),
            (Choice { ready_only: true, ..any() }, "1-29 default"),
            (Choice { ready_only: true, ..tag("next") }, ""),
            (Choice { ready_only: true, ..regular }, ""),
        ] {
            assert_eq!(names(&choice), expected, "{choice:?}");
        }
    }

    #[test]
    fn tags_do_not_make_a_name_ambiguous() {
        let next = Choice { tag: Some(name("next")), ..Choice::default() }.of(&all());
        assert_eq!(only_name(&next).unwrap().name, name("1-30"));
    }

    #[test]
    fn of_many_the_first_are_told() {
        let names = |count: usize| first((0..count).map(|i| i.to_string()));
        assert_eq!(names(10), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
        assert_eq!(names(12), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    }

    #[test]
    fn what_to_choose_from_is_told() {
        let message = only_name(&all()).unwrap_err();
        assert_eq!(
            message.text(),
            "more than one could be meant: revision 1-29 (default, 2 of 2 pods ready), revision \
             1-30 (0 of 1 pods ready), channel asm-managed (not ready)"
        );
        assert!(message.hints()[0].contains("--default"), "{message:?}");
        let old = Choice { tag: Some(name("old")), ..Choice::default() }.of(&all());
        let message = only_name(&old).unwrap_err();
        assert_eq!(message.text(), "nothing can be written into istio.io/rev: tag old (of 1-28)");
    }

    #[test]
    fn what_no_label_leads_to_is_no_choice() {
        let listed = evidence(&[revision_webhook("a"), deployment("b", 1, 1)]).list();
        assert_eq!(only_name(&listed).unwrap().name, name("a"));
        assert_eq!(
            told(&listed),
            "revision a, revision b (1 of 1 pods ready, answers to no label alone)"
        );
    }
}
