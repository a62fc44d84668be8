use super::*;
use meshcore::Exit;
use serde_json::json;

/// The header that a user's requests have.
fn header(user: Value, limit: Duration) -> Result<String> {
    let mut user: AuthInfo = serde_json::from_value(user).unwrap();
    crate::block_on(async {
        let login = Login::of(&mut user, "me", limit).await?;
        assert!(user.token.is_none() && user.exec.is_none());
        let header = login.header().await?;
        Ok(header.map(|header| header.to_str().unwrap().to_owned()).unwrap_or_default())
    })
}

fn plugin(script: &str) -> Value {
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", script], "interactiveMode": "Never"}})
}

fn giving(status: &Value) -> Value {
    let answer = json!({"kind": "ExecCredential", "status": status}).to_string();
    json!({"exec": {"command": "printf", "args": ["%s", answer], "interactiveMode": "Never"}})
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn credentials_become_a_header() {
    let end = "2100-01-01T00:00:00Z";
    for (user, expected) in [
        (json!({}), ""),
        (json!({"token": ""}), ""),
        (json!({"token": "T"}), "Bearer T"),
        (json!({"username": "u", "password": "p\n", "token": "T"}), "Basic dTpwCg=="),
        (giving(&json!({"token": "T"})), "Bearer T"),
        (giving(&json!({"token": "T", "expirationTimestamp": end})), "Bearer T"),
        (plugin("echo 'status: {token: T}'"), "Bearer T"),
        (plugin("[ \"$A\" ] || echo '{\"status\": {\"token\": \"T\"}}'"), "Bearer T"),
        (json!({"auth-provider": {"name": "oidc", "config": {"id-token": "T"}}}), "Bearer T"),
    ] {
        assert_eq!(header(user.clone(), LONG).unwrap(), expected, "{user}");
    }
}

/// Of an attack: each of these ended the program with a panic.
#[test]
fn a_token_that_is_no_header_is_an_error_that_names_its_field() {
    for (user, field) in [
        (json!({"token": "SECRET\n"}), "users[me].user.token "),
        (json!({"token": "SECRET\u{0}x"}), "users[me].user.token "),
        (json!({"token": "SECRETé"}), "users[me].user.token "),
        (
            giving(&json!({"token": "SECRET\r\n"})),
            "the token of the plugin of users[me].user.exec ",
        ),
        (
            giving(&json!({"token": "SECRET\n", "expirationTimestamp": "2100-01-01T00:00:00Z"})),
            "the token of the plugin of users[me].user.exec ",
        ),
        (
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": "SECRET\n"}}}),
            "users[me].user.auth-provider.config.id-token ",
        ),
    ] {
        let error = header(user.clone(), LONG).unwrap_err();
        let text = error.message().text();
        assert_eq!(error.exit(), Exit::Data, "{user}");
        assert_eq!(text, format!("{field}is not one line of visible ASCII"));
    }
}

#[test]
fn a_token_that_a_cluster_has_issued_is_one_line() {
    assert!(check_token("a.b-c_d.e").is_ok());
    for text in ["", "SECRET\n", "SECRET x", "SECRET\u{0}", "SECRETé"] {
        let error = check_token(text).unwrap_err();
        assert_eq!(error.exit(), Exit::Data);
        assert!(!error.message().text().contains("SECRET"), "{text:?}");
    }
}

#[test]
fn a_token_file_is_trimmed_as_kubectl_does() {
    let file = std::env::temp_dir().join(format!("meshkube-token-{}", std::process::id()));
    for (text, expected) in
        [("T\n", Some("Bearer T")), (" T\r\n\n", Some("Bearer T")), ("a\nb", None)]
    {
        std::fs::write(&file, text).unwrap();
        let header = header(json!({"tokenFile": file}), LONG);
        assert_eq!(header.ok().as_deref(), expected, "{text:?}");
    }
    std::fs::remove_file(&file).unwrap();
    let error = header(json!({"tokenFile": "/dev/zero"}), LONG).unwrap_err();
    assert_eq!(error.message().text(), "/dev/zero: is a device and not a file");
}

#[test]
fn a_plugin_comes_to_its_end() {
    for script in ["exec sleep 600", "exec >&-; exec sleep 600", "exec yes"] {
        let error = header(plugin(script), Duration::from_millis(300)).unwrap_err();
        let text = error.message().text();
        assert!(text.contains("authentication command "), "{text}");
    }
    let error = header(plugin("echo SECRET; exit 3"), LONG).unwrap_err();
    let text = "the kubeconfig's authentication command failed with exit status: 3";
    assert_eq!((error.message().text(), error.exit()), (text, Exit::Cluster));
}

#[test]
fn a_plugin_may_give_a_certificate() {
    let status = json!({"clientCertificateData": "C", "clientKeyData": "K"});
    let mut user: AuthInfo = serde_json::from_value(giving(&status)).unwrap();
    let login = crate::block_on(Login::of(&mut user, "me", LONG)).unwrap();
    assert!(login.known().is_none());
    assert_eq!(user.client_certificate_data.as_deref(), Some("Qw=="));
    let user = serde_json::to_value(user).unwrap();
    assert_eq!(user["client-key-data"], "Sw==");
}
