//! What a cluster that leaves could still do in the others: deleting a Secret takes no copy of the
//! token in it back.

use crate::leave::Leave;
use crate::manifest::{Access, access};
use crate::placement::Target;
use jiff::Timestamp;
use meshcore::Message;
use meshcore::credentials::Kubeconfig;
use meshcore::jwt::JwtClaims;
use meshcore::shell::command_line;

/// A credential as far as it says whose it is. No part of it is a secret.
pub struct Held {
    /// The cluster that it is for.
    pub access: Access,
    claims: JwtClaims,
}

impl Held {
    /// Of the kubeconfig under a Secret's key.
    pub fn read(key: &str, kubeconfig: Vec<u8>) -> Self {
        let config = Kubeconfig::load(kubeconfig).unwrap_or_default();
        let user = config.users.first();
        let claims = user.and_then(|first| JwtClaims::read(&first.entry.token)).unwrap_or_default();
        Self { access: access(key, Some(&config)), claims }
    }

    fn has_ended(&self, now: Option<Timestamp>) -> bool {
        self.claims.expires.zip(now).is_some_and(|(expires, now)| expires <= now)
    }
}

/// What is to be said of one remaining cluster.
pub struct Remaining<'a> {
    /// The flags.
    pub leave: &'a Leave<'a>,
    /// The cluster that leaves.
    pub leaver: &'a str,
    /// The one that stays.
    pub peer: &'a Target,
    /// The others that stay.
    pub others: Vec<&'a Target>,
}

impl Remaining<'_> {
    /// Says which credentials the leaving cluster had, and how they end. `held` is `None` where
    /// nobody could look.
    pub fn notes(&self, held: Option<&[&Held]>, now: Option<Timestamp>) -> Vec<Message> {
        let (leaver, peer) = (self.leaver, &self.peer.name);
        let Some(held) = held else {
            let text = format!("{leaver} may still hold a token of {peer}: it was not looked at");
            return vec![Message::new(text).hint(self.end(None))];
        };
        let mut notes: Vec<Message> = Vec::new();
        for one in held.iter().copied().filter(|one| !one.has_ended(now)) {
            let note = match one.claims.expires {
                Some(expires) => Message::new(format!(
                    "{leaver} had a token of {peer}: whoever has copied it can use it until {expires}"
                ))
                .hint("before that it ends with its service account alone"),
                None => Message::new(format!(
                    "{leaver} had a token of {peer}: whoever has copied it can use it until its \
                     Secret is deleted"
                ))
                .hint(self.end(Some(one))),
            };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes
    }

    /// The command that ends a token. Those that stay have the same one, and need another first.
    fn end(&self, held: Option<&Held>) -> String {
        let (namespace, peer) = (self.leave.namespace, self.peer);
        let in_namespace = ["-n", namespace];
        let is_usual = namespace == "istio-system";
        let file = self.leave.kubeconfig.or(peer.kubeconfig.as_deref());
        let file = file.map(|file| ["--kubeconfig", file]);
        let line =
            |words: &[&str]| command_line(words.iter().copied().chain(file.into_iter().flatten()));
        let kubectl = ["kubectl", "--context", &peer.context, "delete", "secret", "-n", namespace];
        let delete = match held.and_then(|held| held.claims.secret.as_deref()) {
            Some(secret) => line(&[&kubectl[..], &[secret]].concat()),
            None if self.others.is_empty() => {
                let ours = ["-l", "app.kubernetes.io/managed-by=meshutils"];
                let tokens = ["--field-selector", "type=kubernetes.io/service-account-token"];
                line(&[&kubectl[..], &ours, &tokens].concat())
            }
            // The command before it says which Secrets to delete.
            None => String::new(),
        };
        if self.others.is_empty() {
            return delete;
        }
        let name = held.map(|held| held.access.cluster.as_str());
        let name = name.or(peer.id.as_deref()).map(|name| ["--name", name]);
        let mut make = vec!["mesh-remote-secret", "--context", &peer.context, "--rotate"];
        make.extend(name.into_iter().flatten());
        make.extend(in_namespace.into_iter().filter(|_| !is_usual));
        let contexts = self.others.iter().flat_map(|other| ["--context", &other.context]);
        let apply: Vec<&str> = ["mesh-apply"].into_iter().chain(contexts).collect();
        let give = format!("{} | {}", line(&make), line(&apply));
        if delete.is_empty() { give } else { format!("{give} && {delete}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    fn target(name: &str) -> Target {
        Target {
            name: name.into(),
            id: None,
            context: format!("ctx-{name}"),
            kubeconfig: None,
            server: format!("https://{name}"),
        }
    }

    fn held(claims: &Value) -> Held {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims));
        let config = json!({"clusters": [{"cluster": {"server": "https://a"}}],
            "users": [{"user": {"token": token}}]});
        Held::read("id-a", config.to_string().into_bytes())
    }

    fn said(held: Option<&[&Held]>, others: &[Target], namespace: &str) -> Vec<String> {
        let leave = Leave { cluster: "c", namespace, at_once: 1, kubeconfig: Some("k") };
        let peer = target("a");
        let others = others.iter().collect();
        let remaining = Remaining { leave: &leave, leaver: "c", peer: &peer, others };
        let notes = remaining.notes(held, "2026-01-01T00:00:00Z".parse().ok());
        notes.iter().map(|note| format!("{}: {}", note.text(), note.hints().join(" "))).collect()
    }

    #[test]
    fn each_token_that_still_works_is_named_with_what_ends_it() {
        let secret = "kubernetes.io/serviceaccount/secret.name";
        let endless = held(&json!({secret: "t-2"}));
        let had = "c had a token of a: whoever has copied it can use it until ";
        let delete = "kubectl --context ctx-a delete secret -n istio-system t-2 --kubeconfig k";
        assert_eq!(
            said(Some(&[&endless, &endless]), &[], "istio-system"),
            [format!("{had}its Secret is deleted: {delete}")]
        );
        let rotate = "mesh-remote-secret --context ctx-a --rotate --name id-a --kubeconfig k | \
                      mesh-apply --context ctx-b --context ctx-d --kubeconfig k";
        assert_eq!(
            said(Some(&[&endless]), &[target("b"), target("d")], "istio-system"),
            [format!("{had}its Secret is deleted: {rotate} && {delete}")]
        );
        let ends = held(&json!({"exp": 1_767_225_601}));
        let before = "before that it ends with its service account alone";
        assert_eq!(
            said(Some(&[&ends]), &[], "istio-system"),
            [format!("{had}2026-01-01T00:00:01Z: {before}")]
        );
        let ended = held(&json!({"exp": 1_767_225_600}));
        assert_eq!(said(Some(&[&ended]), &[], "istio-system"), [""; 0]);
        assert_eq!(said(Some(&[]), &[], "istio-system"), [""; 0]);
    }

    #[test]
    fn what_nobody_looked_at_is_not_passed_over() {
        let told = "c may still hold a token of a: it was not looked at: ";
        assert_eq!(
            said(None, &[target("b")], "i"),
            [format!(
                "{told}mesh-remote-secret --context ctx-a --rotate -n i --kubeconfig k | \
                 mesh-apply --context ctx-b --kubeconfig k"
            )]
        );
        assert_eq!(
            said(None, &[], "i"),
            [format!(
                "{told}kubectl --context ctx-a delete secret -n i -l \
                 app.kubernetes.io/managed-by=meshutils --field-selector \
                 type=kubernetes.io/service-account-token --kubeconfig k"
            )]
        );
    }
}
