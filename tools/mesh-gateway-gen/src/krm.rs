//! As a KRM function: the gateways' objects go among the items.

use crate::{Args, Format};
use meshcore::{Console, Error, Outcome, Result, Verdict};
use meshkrm::{Call, Function, Note};
use std::path::Path;

pub const FUNCTION: Function = Function { kind: "GatewayGen", refused: &[] };

pub fn answer(call: Call<Args>, console: &Console) -> Result<Outcome> {
    let Call { mut args, mut list } = call;
    if args.output == Some(Format::Helm) {
        return Err(Error::usage(
            "-o helm: values of a chart are no object of Kubernetes, and no item",
        )
        .hint("as a KRM function it writes manifests, gateway-api or iop"));
    }
    let files = args.files.iter().chain(&args.source_ranges);
    if files.into_iter().any(|file| file == Path::new("-")) {
        return Err(Error::usage("standard input can be read once, and holds the items")
            .hint("give --filename and --source-ranges the names of files"));
    }
    let default = if args.ambient { Format::GatewayApi } else { Format::Manifests };
    args.output.get_or_insert(default);
    let (objects, warnings) = args.gateways(|object| object)?;
    list.put(objects);
    let notes: Vec<Note> = warnings.into_iter().map(Note::warning).collect();
    Ok(meshkrm::answer(&list, &notes, Verdict::Yes, console))
}
