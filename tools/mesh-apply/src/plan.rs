//! Which objects each cluster gets in this run.

use crate::manifest::Manifest;
use crate::placement::{Reach, Target, Targets, strangers};
use crate::shard::Shard;
use meshcore::{Message, Result};
use std::ops::Range;

/// The whole work. The product of objects and clusters is never held at once: a mesh of 1,000
/// clusters has 999,000 places for Secrets.
pub struct Plan<'a> {
    manifests: &'a [Manifest],
    targets: &'a [Target],
    index: Targets<'a>,
    reach: Vec<Reach>,
    /// How many objects each target gets in all.
    counts: Vec<usize>,
    /// The part of all places, counted target by target, that is this run's.
    mine: Range<usize>,
}

impl<'a> Plan<'a> {
    /// Places all objects.
    pub fn new(
        manifests: &'a [Manifest],
        targets: &'a [Target],
        shard: Option<Shard>,
    ) -> Result<Self> {
        let index = Targets::new(targets)?;
        let reach: Vec<Reach> =
            manifests.iter().map(|manifest| index.reach(manifest)).collect::<Result<_>>()?;
        let count = |target| reach.iter().filter(|reach| reach.has(target)).count();
        let counts: Vec<usize> = (0..targets.len()).map(count).collect();
        let total = counts.iter().sum();
        let mine = shard.map_or(0..total, |shard| shard.range(total));
        Ok(Self { manifests, targets, index, reach, counts, mine })
    }

    /// Places in this run.
    pub fn total(&self) -> usize {
        self.mine.len()
    }

    /// What is worth knowing of it.
    pub fn strangers(&self) -> Vec<Message> {
        strangers(&self.index, self.manifests)
    }

    /// The targets of this run, each with its objects in the order of the input. In a whole run a
    /// target that gets nothing is among them: it may have something to prune.
    pub fn shares(&self) -> impl Iterator<Item = (&'a Target, Vec<&'a Manifest>)> {
        let mut next = 0;
        let whole = self.mine == (0..self.counts.iter().sum());
        self.targets.iter().enumerate().filter_map(move |(target, its)| {
            let (first, end) = (next, next + self.counts[target]);
            next = end;
            let start = self.mine.start.clamp(first, end) - first;
            let count = self.mine.end.clamp(first, end) - first - start;
            let placed = self.manifests.iter().zip(&self.reach);
            let placed =
                placed.filter(|(_, reach)| reach.has(target)).map(|(manifest, _)| manifest);
            (count > 0 || whole).then(|| (its, placed.skip(start).take(count).collect()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshcore::input::Source;
    use serde_json::json;

    fn targets(count: usize) -> Vec<Target> {
        let target = |i| Target {
            name: format!("c{i}"),
            id: None,
            context: format!("c{i}"),
            kubeconfig: None,
            server: format!("https://c{i}"),
        };
        (0..count).map(target).collect()
    }

    fn secrets(count: usize) -> Vec<Manifest> {
        let secret = |i| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("s{i}"),
                "namespace": "n", "labels": {"istio/multiCluster": "true"}},
                "stringData": {format!("c{i}"): "{}"}})
            .to_string()
        };
        let text: String = (0..count).map(secret).collect();
        crate::manifest::read(&[Source::new("stdin".into(), text.into_bytes()).unwrap()], None)
            .unwrap()
    }

    fn places(plan: &Plan<'_>) -> Vec<(String, String)> {
        plan.shares()
            .flat_map(|(target, all)| {
                all.into_iter()
                    .map(|m| (target.name.clone(), m.id.name.clone()))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn each_secret_goes_to_every_other_cluster() {
        let (targets, secrets) = (targets(5), secrets(5));
        let plan = Plan::new(&secrets, &targets, None).unwrap();
        let all = places(&plan);
        assert_eq!((all.len(), plan.total()), (20, 20));
        assert!(all.iter().all(|(target, secret)| target[1..] != secret[1..]), "{all:?}");
    }

    #[test]
    fn shards_together_are_the_whole() {
        let (targets, secrets) = (targets(5), secrets(5));
        let whole = places(&Plan::new(&secrets, &targets, None).unwrap());
        for count in [1, 2, 3, 7, 20, 30] {
            let shard = |i| Shard::parse(&format!("{i}/{count}")).unwrap();
            let parts: Vec<_> = (0..count)
                .flat_map(|i| places(&Plan::new(&secrets, &targets, Some(shard(i))).unwrap()))
                .collect();
            assert_eq!(parts, whole, "{count}");
        }
    }
}
