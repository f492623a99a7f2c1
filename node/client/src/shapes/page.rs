//! Lists: a part at a time, and where the next part begins. One shape for all of them. SPEC API-7.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Its entries, in the order of the list.
    pub items: Vec<T>,
    /// Where the next part begins; `null` once there is no more.
    pub next: Option<Cursor>,
}

/// Which part of a list is wanted: the query of a request, `?limit=&cursor=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageRequest {
    /// At most so many entries; the path has its own default and maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// [`Page::next`] of the part before; absent for the first part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// A place in a list, readable only by the node that made it. Short: the node refuses all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// From the text in a [`Page`] or a query.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PageRequest {
    /// The first part, at most so long.
    pub fn first(limit: u16) -> Self {
        Self { limit: Some(limit), cursor: None }
    }
}

impl<T> Page<T> {
    /// A list that fits into one part.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_its_items_and_the_next_cursor_or_null() {
        let page = Page { items: vec![1, 2], next: Some(Cursor::new("ab")) };
        assert_eq!(serde_json::to_string(&page).unwrap(), r#"{"items":[1,2],"next":"ab"}"#);
        let last: Page<u8> = serde_json::from_str(r#"{"items":[],"next":null,"more":"ignored"}"#).unwrap();
        assert_eq!(last, Page::whole(vec![]));
    }

    #[test]
    fn a_request_says_only_what_is_wanted_and_holds_nothing_unknown() {
        assert_eq!(serde_json::to_string(&PageRequest::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<PageRequest>(r#"{"before":"1.2"}"#).is_err());
    }
}
