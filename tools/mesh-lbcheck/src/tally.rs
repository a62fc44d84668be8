//! Counting lines in constant memory.

use crate::reply::{Reply, shown};
use std::collections::BTreeMap;

/// The name under which the replies of instances beyond [`MAX_INSTANCES`] are counted. No pod
/// is called so.
pub const OTHERS: &str = "(others)";

/// So many different versions are told apart; a reply of another one is an error.
pub const MAX_VERSIONS: usize = 64;

/// So many different instances are told apart.
pub const MAX_INSTANCES: usize = 1024;

/// So many different errors are kept, each cut to [`MAX_SAMPLE`] characters.
pub const MAX_SAMPLES: usize = 5;

/// The length of the longest error that is kept whole, in characters.
pub const MAX_SAMPLE: usize = 120;

/// How often each version and instance answered, and the lines that are no replies.
#[derive(Debug)]
pub struct Tally {
    counts: Vec<u64>,
    /// By version and instance, the place of its count.
    versions: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, usize>>,
    instances: usize,
    /// The first different errors, and the places of their counts.
    samples: Vec<(String, usize)>,
    recent: Vec<Recent>,
}

/// A line that came lately: it comes again, most likely, and then needs no parsing.
#[derive(Debug, Clone, Default)]
struct Recent {
    line: Vec<u8>,
    /// The place of its count.
    place: usize,
}

const RECENT: usize = 1024;

/// Longer lines are not kept as recent.
const MAX_RECENT: usize = 256;

/// The place of the count of errors that are not among the samples.
const OTHER_ERRORS: usize = 0;

impl Default for Tally {
    fn default() -> Self {
        Self {
            counts: vec![0],
            versions: BTreeMap::new(),
            instances: 0,
            samples: Vec::new(),
            recent: vec![Recent::default(); RECENT],
        }
    }
}

impl Tally {
    /// Counts one line, without its end. A blank line says nothing and is not counted.
    pub fn add(&mut self, line: &[u8]) {
        if is_blank(line) {
            return;
        }
        let slot = slot(line);
        let recent = &self.recent[slot];
        let place = if recent.line == line { recent.place } else { self.place(line, slot) };
        self.counts[place] += 1;
    }

    /// Lines that are replies.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.versions().map(|(_, count)| count).sum()
    }

    /// Lines that are none.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.counts[OTHER_ERRORS] + self.samples().map(|(_, count)| count).sum::<u64>()
    }

    /// The versions that answered and how often, by name.
    pub fn versions(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.versions.iter().map(|(version, instances)| {
            (version.as_slice(), instances.values().map(|&place| self.counts[place]).sum())
        })
    }

    /// Version and name of the instances that answered and how often, by version and name.
    pub fn instances(&self) -> impl Iterator<Item = (&[u8], &[u8], u64)> {
        self.versions.iter().flat_map(|(version, instances)| {
            instances.iter().map(|(instance, &place)| {
                (version.as_slice(), instance.as_slice(), self.counts[place])
            })
        })
    }

    /// The first different errors and how often each came.
    pub fn samples(&self) -> impl Iterator<Item = (&str, u64)> {
        self.samples.iter().map(|(text, place)| (text.as_str(), self.counts[*place]))
    }

    /// The place of the count of a line that is not the recent one of its slot, but is now.
    #[cold] // Else it is inlined into what every line runs through.
    fn place(&mut self, line: &[u8], slot: usize) -> usize {
        let place = self.reply_place(line).unwrap_or_else(|| self.error_place(line));
        if line.len() <= MAX_RECENT {
            let recent = &mut self.recent[slot];
            recent.line.clear();
            recent.line.extend_from_slice(line);
            recent.place = place;
        }
        place
    }

    fn reply_place(&mut self, line: &[u8]) -> Option<usize> {
        let Reply { version, instance } = Reply::parse(line)?;
        if !self.versions.contains_key(version) {
            if self.versions.len() == MAX_VERSIONS {
                return None;
            }
            self.versions.insert(version.to_vec(), BTreeMap::new());
        }
        let instances = self.versions.get_mut(version)?;
        if let Some(&place) = instances.get(instance) {
            return Some(place);
        }
        let name = if self.instances < MAX_INSTANCES {
            self.instances += 1;
            instance
        } else {
            OTHERS.as_bytes()
        };
        let counts = &mut self.counts;
        Some(*instances.entry(name.to_vec()).or_insert_with(|| new_place(counts)))
    }

    fn error_place(&mut self, line: &[u8]) -> usize {
        let text = sample(line);
        match self.samples.iter().find(|(known, _)| *known == text) {
            Some((_, place)) => *place,
            None if self.samples.len() < MAX_SAMPLES => {
                let place = new_place(&mut self.counts);
                self.samples.push((text, place));
                place
            }
            None => OTHER_ERRORS,
        }
    }
}

/// Whether a line holds nothing but white space.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn new_place(counts: &mut Vec<u64>) -> usize {
    counts.push(0);
    counts.len() - 1
}

/// Where a line is kept as recent. Replies differ at their end, in the name of the pod.
fn slot(line: &[u8]) -> usize {
    let end = line.last_chunk().map_or(0, |end| u64::from_le_bytes(*end));
    // Fibonacci hashing: the upper bits of the product are well mixed.
    let mixed = end.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> (u64::BITS - RECENT.ilog2())).unwrap_or(0)
}

/// An error as it is shown: at most [`MAX_SAMPLE`] characters, the last of them `…` when cut.
fn sample(line: &[u8]) -> String {
    // A character has at most four bytes.
    let text = shown(&line[..line.len().min(4 * (MAX_SAMPLE + 1))]);
    match text.char_indices().nth(MAX_SAMPLE) {
        None => text,
        Some(_) => text.chars().take(MAX_SAMPLE - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> Tally {
        let mut tally = Tally::default();
        lines.into_iter().for_each(|line| tally.add(line.as_ref()));
        tally
    }

    fn reply(version: &str, instance: &str) -> String {
        format!("Hello version: {version}, instance: {instance}")
    }

    #[test]
    fn replies_are_counted_by_version_and_instance() {
        let tally = tally([
            reply("v2", "b"),
            reply("v1", "a"),
            String::new(),
            reply("v2", "b"),
            reply("v2", "a"),
            "curl: (7)".to_owned(),
        ]);
        let instances: Vec<(&[u8], &[u8], u64)> = tally.instances().collect();
        assert_eq!(instances, [(&b"v1"[..], &b"a"[..], 1), (b"v2", b"a", 1), (b"v2", b"b", 2)]);
        let versions: Vec<(&[u8], u64)> = tally.versions().collect();
        assert_eq!(versions, [(&b"v1"[..], 1), (b"v2", 3)]);
        assert_eq!((tally.replies(), tally.errors()), (4, 1));
    }

    #[test]
    fn lines_of_one_slot_do_not_disturb_each_other() {
        let lines: Vec<String> =
            ["v1", "v2"].iter().map(|version| reply(version, "same-name")).collect();
        assert_eq!(slot(lines[0].as_bytes()), slot(lines[1].as_bytes()));
        let tally = tally(lines.iter().cycle().take(100));
        assert!(tally.versions().all(|(_, count)| count == 50));
    }

    #[test]
    fn the_first_five_different_errors_are_kept() {
        let tally = tally((0..20).map(|i| format!("error {}", i % 7)));
        let samples: Vec<(&str, u64)> = tally.samples().collect();
        assert_eq!(
            samples,
            [("error 0", 3), ("error 1", 3), ("error 2", 3), ("error 3", 3), ("error 4", 3)]
        );
        assert_eq!((tally.errors(), tally.replies()), (20, 0));
    }

    #[test]
    fn errors_are_cut_and_made_visible() {
        assert_eq!(sample(b"\x1b[31ma\xff"), "\\u{1b}[31ma\u{fffd}");
        assert_eq!(sample("€".repeat(120).as_bytes()), "€".repeat(120));
        assert_eq!(sample("🦀".repeat(9000).as_bytes()), "🦀".repeat(119) + "…");
        let escapes = sample(&[7; 200]);
        assert!(escapes.chars().count() == 120 && escapes.ends_with('…'));
    }

    #[test]
    fn more_instances_than_are_kept_count_for_their_version() {
        let lines = (0..2 * MAX_INSTANCES).map(|i| reply("v1", &format!("pod-{i}")));
        let tally = tally(lines.chain([reply("v2", "a"), reply("v2", "b"), reply("v1", "pod-7")]));
        assert_eq!(tally.instances().count(), MAX_INSTANCES + 2);
        let versions: Vec<(&[u8], u64)> = tally.versions().collect();
        assert_eq!(versions, [(&b"v1"[..], 2049), (b"v2", 2)]);
        let others = |(_, name, count): (_, &[u8], _)| (name == OTHERS.as_bytes()).then_some(count);
        assert_eq!(tally.instances().filter_map(others).collect::<Vec<u64>>(), [1024, 2]);
        assert!(tally.instances().any(|(_, name, count)| name == b"pod-7" && count == 2));
    }

    #[test]
    fn versions_beyond_those_kept_are_errors() {
        let lines = (0..=MAX_VERSIONS).map(|i| reply(&format!("v{i}"), "a"));
        let tally = tally(lines);
        assert_eq!((tally.replies(), tally.errors()), (64, 1));
        assert_eq!(tally.samples().next(), Some(("Hello version: v64, instance: a", 1)));
    }

    #[test]
    fn long_lines_are_not_kept() {
        let tally = tally((b'!'..=u8::MAX).map(|i| vec![i; 100_000]));
        assert_eq!(tally.errors(), 223);
        assert!(tally.recent.iter().all(|recent| recent.line.capacity() <= MAX_RECENT));
    }

    proptest! {
        #[test]
        fn the_order_of_replies_does_not_matter(
            mut lines in prop::collection::vec(("v[123]", "[ab]{1,9}"), 0..60)
        ) {
            let count = |lines: &[(String, String)]| {
                let tally = tally(lines.iter().map(|(version, name)| reply(version, name)));
                let instances = tally.instances();
                instances.map(|(v, i, n)| (v.to_vec(), i.to_vec(), n)).collect::<Vec<_>>()
            };
            let as_read = count(&lines);
            lines.sort();
            let total: u64 = as_read.iter().map(|(_, _, count)| count).sum();
            prop_assert_eq!(total, lines.len() as u64);
            prop_assert_eq!(as_read, count(&lines));
        }

        #[test]
        fn every_line_is_counted_once(
            lines in prop::collection::vec("(Hello version: v[12], instance: [ab]|[a-c]{1,3}|Hello é)", 0..60)
        ) {
            let tally = tally(&lines);
            let replies = lines.iter().filter(|line| Reply::parse(line.as_bytes()).is_some());
            prop_assert_eq!(tally.replies(), replies.count() as u64);
            prop_assert_eq!(tally.replies() + tally.errors(), lines.len() as u64);
        }
    }
}
