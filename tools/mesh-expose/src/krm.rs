//! As a KRM function: the objects go among the items.

use crate::Args;
use meshcore::{Console, Outcome, Result, Verdict};
use meshkrm::{Call, Function, Note};

pub const FUNCTION: Function =
    Function { kind: "Expose", refused: &[("output", "it answers with items")] };

pub fn answer(call: Call<Args>, console: &Console) -> Result<Outcome> {
    let Call { args, mut list } = call;
    let (objects, warning) = args.objects()?;
    list.put(objects);
    let notes: Vec<Note> = warning.into_iter().map(Note::warning).collect();
    Ok(meshkrm::answer(&list, &notes, Verdict::Yes, console))
}
