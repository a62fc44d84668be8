//! A small reader of XML, to read drawings back in tests.

/// A tag or a text of XML, with its entities undone.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    Start(String),
    End(String),
    Text(String),
}

/// A reader of as much XML as drawings use; an error where it is not well-formed.
pub(crate) fn read(xml: &str) -> Result<Vec<Event>, String> {
    let (mut events, mut open) = (Vec::new(), Vec::new());
    let mut rest = xml;
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let end = rest.find('<').unwrap_or(rest.len());
            let text = characters(&rest[..end])?;
            if open.is_empty() && !text.trim().is_empty() {
                return Err(format!("text outside of all elements: {text}"));
            }
            events.push(Event::Text(text));
            rest = &rest[end..];
            continue;
        };
        let end = tag.find('>').ok_or("a tag does not end")?;
        let (inside, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
            events.push(Event::End(name.to_owned()));
            continue;
        }
        let (inside, is_empty) =
            inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        let mut attributes = attributes;
        while !attributes.is_empty() {
            let (key, value) = attributes.split_once("=\"").ok_or("no value")?;
            let (value, after) = value.split_once('"').ok_or("a value does not end")?;
            characters(value)?;
            let is_name = |c: char| c.is_ascii_alphabetic() || c == '-' || c.is_ascii_digit();
            if key.is_empty() || !key.chars().all(is_name) {
                return Err(format!("{key:?} is no attribute"));
            }
            attributes = match after.strip_prefix(' ') {
                Some(more) => more,
                None if after.is_empty() => after,
                None => return Err(format!("no space before {after:?}")),
            };
        }
        events.push(Event::Start(name.to_owned()));
        if is_empty {
            events.push(Event::End(name.to_owned()));
        } else {
            open.push(name.to_owned());
        }
    }
    if open.is_empty() { Ok(events) } else { Err(format!("{open:?} do not end")) }
}

fn characters(text: &str) -> Result<String, String> {
    let is_xml = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            || c > '\u{ffff}'
    };
    if let Some(c) = text.chars().find(|&c| c == '<' || !is_xml(c)) {
        return Err(format!("{c:?} is not allowed"));
    }
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').ok_or(format!("&{part}"))?;
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            _ => return Err(format!("&{entity};")),
        });
        out += rest;
    }
    Ok(out)
}

/// All that is written in elements of this name.
pub(crate) fn contents(events: &[Event], name: &str) -> Vec<String> {
    let starts = events.iter().enumerate().filter(|(_, e)| **e == Event::Start(name.to_owned()));
    let content = |(i, _)| match events.get(i + 1) {
        Some(Event::Text(text)) => text.clone(),
        _ => String::new(),
    };
    starts.map(content).collect()
}

#[test]
fn what_is_not_xml_is_seen() {
    for (xml, error) in [
        ("<a>", "do not end"),
        ("</a>", "closes nothing"),
        ("<a><b></a></b>", "closes nothing"),
        ("<a b=c/>", "no value"),
        ("<a b=\"c\"d=\"e\"/>", "no space"),
        ("<a>&nbsp;</a>", "&nbsp;"),
        ("<a>&</a>", "&"),
        ("<a>\u{1}</a>", "not allowed"),
        ("a", "outside"),
    ] {
        assert!(read(xml).unwrap_err().contains(error), "{xml}");
    }
}
