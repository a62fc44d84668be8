//! As a KRM function: the objects go among the items.

use crate::{Args, nothing_to_write};
use meshcore::{Console, Outcome, Result, Verdict};
use meshkrm::{Call, Function};

pub const FUNCTION: Function =
    Function { kind: "Sample", refused: &[("output", "it answers with items")] };

pub fn answer(call: Call<Args>, console: &Console) -> Result<Outcome> {
    let Call { args, mut list } = call;
    let what = args.what.ok_or_else(nothing_to_write)?;
    list.put(args.objects(what)?);
    Ok(meshkrm::answer(&list, &[], Verdict::Yes, console))
}
