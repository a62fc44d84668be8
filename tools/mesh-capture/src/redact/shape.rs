//! Lists of what is kept, in the form of what they are taken from.

use meshcore::input::from_value;
use serde_json::{Map, Value};

/// Which part of a value is kept.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// All of it, but for credentials in addresses: no other secret has its place there.
    All,
    /// These fields of an object.
    Fields(&'static [(&'static str, Shape)]),
    /// A part of each item of a list.
    Each(&'static Shape),
    /// That there is an object, and nothing of it.
    There,
    /// What a function makes of it.
    With(fn(Value) -> Option<Value>),
}

impl Shape {
    /// The part that is kept; `None` where a value has another form, and where nothing is left of
    /// an object that had something.
    #[must_use]
    pub fn keep(self, value: Value) -> Option<Value> {
        match (self, value) {
            (_, Value::Null) => None,
            (Self::All, value) => from_value(value).ok(),
            (Self::Fields(fields), Value::Object(mut object)) => {
                let kept: Map<String, Value> = fields
                    .iter()
                    .filter_map(|&(name, shape)| {
                        Some((name.to_owned(), shape.keep(object.remove(name)?)?))
                    })
                    .collect();
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            (Self::Each(shape), Value::Array(items)) => {
                Some(items.into_iter().filter_map(|item| shape.keep(item)).collect())
            }
            (Self::There, Value::Object(_)) => Some(Value::Object(Map::new())),
            (Self::With(keep), value) => keep(value),
            (Self::Fields(_) | Self::Each(_) | Self::There, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shape::{self, All, Each, Fields, With};
    use serde_json::json;

    #[test]
    fn what_is_kept_has_no_credentials_in_addresses() {
        const SHAPE: Shape = Fields(&[("a", All), ("b", Each(&All))]);
        let kept = SHAPE.keep(json!({"a": {"u:p@h": "u:p@h"}, "b": ["https://u:p@h/?t=p", 1]}));
        assert_eq!(kept, Some(json!({"a": {"h": "h"}, "b": ["https://h/", 1]})));
    }

    #[test]
    fn only_what_is_listed_is_kept() {
        const SHAPE: Shape = Fields(&[
            ("a", All),
            ("b", Each(&Fields(&[("x", All)]))),
            ("c", With(|_| Some(json!("made")))),
            ("d", Fields(&[("x", All)])),
        ]);
        let value = json!({
            "a": {"any": [1]}, "b": [{"x": 1, "y": 2}, {"y": 2}, 3], "c": 1, "d": {"y": 1}, "e": 1,
        });
        assert_eq!(
            SHAPE.keep(value),
            Some(json!({"a": {"any": [1]}, "b": [{"x": 1}], "c": "made"}))
        );
        for other in [json!(null), json!([]), json!("text"), json!({"e": 1})] {
            assert_eq!(SHAPE.keep(other.clone()), None, "{other}");
        }
        assert_eq!(Fields(&[("a", Each(&All))]).keep(json!({"a": {"b": 1}})), None);
    }
}
