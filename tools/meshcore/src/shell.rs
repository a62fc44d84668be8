//! Command lines that a POSIX shell reads back as the words they were made of.

/// Joins words into a line for `sh`, quoting what the shell could take for something else.
#[must_use]
pub fn command_line<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    words.into_iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    // No `~` and no `{}`: shells expand them in places.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:@,+=%^".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_without_risk_stay_as_they_are() {
        let line = command_line(["gcloud", "--source-ranges=10.0.0.0/8,10.1.0.0/16", "a b", ""]);
        assert_eq!(line, "gcloud --source-ranges=10.0.0.0/8,10.1.0.0/16 'a b' ''");
        assert_eq!(command_line(["it's", "$(x)", "~", "a\nb"]), "'it'\\''s' '$(x)' '~' 'a\nb'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_real_shell_reads_the_same_words(
            words in prop::collection::vec("[^\0]{0,12}|[ -~\n]{0,12}", 1..6)
        ) {
            let line = format!("printf '%s\\0' {}", command_line(&words));
            let output = std::process::Command::new("sh").arg("-c").arg(line).output().unwrap();
            let read: Vec<&[u8]> = output.stdout.split(|&b| b == 0).collect();
            let expected: Vec<&[u8]> =
                words.iter().map(String::as_bytes).chain([&b""[..]]).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
