//! Durations as kubectl's flags have them.

use std::time::Duration;

/// Reads Go's notation, `1m30s`, `500ms`, and a bare number of seconds as kubectl does.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration, such as 30s, 5m or 1h30m");
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u32 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(wrong()),
        };
        rest = &rest[end..];
        total = unit.checked_mul(number).and_then(|d| total.checked_add(d)).ok_or_else(wrong)?;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_and_kubectl_notation_is_read() {
        for (text, millis) in
            [("30", 30_000), ("0", 0), ("1m30s", 90_000), ("500ms", 500), ("2h", 7_200_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "1", "-1s", "1d", "1.5s", "5 s", "99999999999s"] {
            assert_eq!(parse(text).is_err(), text != "1", "{text}");
        }
    }
}
