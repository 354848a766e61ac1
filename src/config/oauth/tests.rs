use std::fs;

use crate::config::{
    Auth, Family, Loaded, Sources, TokenRequestForm, TokenSource, WarningKind, load_text,
};

/// A folder for accounts, with the lists that are given.
fn folder(lists: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, list) in lists {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("accounts.json"), list).unwrap();
    }
    folder
}

const ENTRY: &str = "name: company, dialect: openai, base-url: 'https://m.test', client-id: c, \
                     authorize-url: 'https://l.test/auth?tenant=1', token-url: 'https://l.test/token/'";

fn load_in(folder: &tempfile::TempDir, entries: &str) -> Result<Loaded, String> {
    let yaml = format!("auth-dir: '{}'\noauth: [{entries}]\n", folder.path().display());
    load_text(&yaml, &Sources::default()).map_err(|error| error.to_string())
}

#[test]
fn each_account_is_a_credential_in_the_pool() {
    let list = r#"[{"id": "anna@x.test", "label": "Anna"}, {"id": "account-2"}]"#;
    let folder = folder(&[("company", list)]);

    let loaded = load_in(&folder, &format!("{{ {ENTRY}, priority: 7 }}")).unwrap();

    assert_eq!(loaded.warnings, []);
    let credentials = &loaded.settings.credentials;
    let ids: Vec<_> = credentials.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["company-1", "company-2"]);
    let one = &credentials[1];
    assert_eq!((one.family, one.priority), (Family::OpenAiCompatible, 7));
    assert_eq!(format!("{}{}", one.origin, one.base_path), "https://m.test/v1");
    let Auth::Token(TokenSource::Login(login)) = &one.auth else { panic!("{:?}", one.auth) };
    assert_eq!(login.file, folder.path().join("company/account-2.json"));
    assert_eq!(login.client.token.to_string(), "https://l.test/token/", "its slash is kept");
    let authorize = login.client.authorize_url.as_deref();
    assert_eq!(authorize, Some("https://l.test/auth?tenant=1"), "its query is kept");
    assert!(loaded.files.contains(&folder.path().join("company/accounts.json")));
}

#[test]
fn each_dialect_has_its_family() {
    let folder = folder(&[("a", r#"[{"id": "x"}]"#)]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("anthropic", Family::Claude,           ""),
        ("openai",    Family::OpenAiCompatible, "/v1"),
        ("gemini",    Family::Gemini,           ""),
    ];
    for (dialect, family, path) in cases {
        let entry = ENTRY.replace("openai", dialect).replace("company", "a");
        let loaded = load_in(&folder, &format!("{{ {entry} }}")).unwrap();
        let one = &loaded.settings.credentials[0];
        assert_eq!((one.family, one.base_path.as_str()), (family, path), "{dialect}");
        assert_eq!(one.id.as_str(), "a-1", "{dialect}: its provider is the entry");
    }
}

#[test]
fn an_entry_without_accounts_is_no_fault() {
    for lists in [&[][..], &[("company", "[]")], &[("company", "")]] {
        let folder = folder(lists);
        let loaded = load_in(&folder, &format!("{{ {ENTRY} }}")).unwrap();

        let said: Vec<_> = loaded.warnings.iter().map(|w| (w.kind, w.what.as_str())).collect();
        let expected = "has no account yet: run `ampgate login company`";
        assert_eq!(said, [(WarningKind::Notice, expected)]);
        assert_eq!(loaded.settings.credentials.len(), 0);
        assert!(loaded.files.contains(&folder.path().join("company/accounts.json")));
    }
}

#[test]
fn a_list_that_is_there_and_cannot_be_read_is_no_empty_one() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (Some(r#"[{"id": "../../etc/passwd"}]"#), "no name of a file",       "an id that leads elsewhere"),
        (Some(r#"[{"id": "anna@x.te"#),           "is no list of accounts",  "a disk was full"),
        (None,                                    "cannot be read",          "something else lies there"),
    ];
    for (list, expected, why) in cases {
        let folder = folder(&[("company", list.unwrap_or_default())]);
        let file = folder.path().join("company/accounts.json");
        if list.is_none() {
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap(); // no permission would keep root from reading a file
        }

        let said = load_in(&folder, &format!("{{ {ENTRY} }}")).unwrap_err();

        assert!(
            said.contains("oauth[0] has a list of accounts that is of no use"),
            "{why}: {said}"
        );
        assert!(said.contains(expected), "{why}: {said}");
        assert!(said.contains(&*file.to_string_lossy()), "{why}: {said}");
    }
}

#[test]
fn what_is_wrong_with_an_entry_is_said_with_its_reason() {
    let folder = folder(&[]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("company",                 "..",                      "oauth[0].name must not begin with `.`"),
        ("company",                 "a/b",                     "oauth[0].name may have letters"),
        ("dialect: openai, ",       "",                        "oauth[0].dialect is empty"),
        ("openai",                  "latin",                   "oauth[0].dialect is `latin`"),
        ("client-id: c, ",          "",                        "oauth[0].client-id is empty"),
        ("base-url: 'https://m.test', ", "",                   "oauth[0].base-url is empty"),
        ("token-url: 'https://l.test/token/'", "prefix: p",    "oauth[0].token-url is empty"),
        ("authorize-url: 'https://l.test/auth?tenant=1', ", "", "oauth[0].authorize-url is empty; nobody can log in"),
        ("https://l.test/auth",     "http://l.test/auth",      "oauth[0].authorize-url must be https"),
        ("https://l.test/token/",   "http://l.test/token/",    "oauth[0].token-url must be https"),
        ("https://l.test/token/",   "https://l.test/token#x",  "oauth[0].token-url must not have a fragment"),
        ("https://l.test/token/",   "https://me:hush@l.test/", "oauth[0].token-url must not carry a user name"),
        ("client-id: c",            "client-id: c, device-url: 'http://l.test'",  "oauth[0].device-url must be https"),
        ("client-id: c",            "client-id: c, revoke-url: 'http://l.test'",  "oauth[0].revoke-url must be https"),
        ("client-id: c",            "client-id: c, scopes: ['a b']",              "oauth[0].scopes[0] is no scope"),
        ("client-id: c",            "client-id: c, redirect-path: 'callback'",    "oauth[0].redirect-path must be a path"),
        ("client-id: c",            "client-id: c, redirect-host: '0.0.0.0'",     "oauth[0].redirect-host is `0.0.0.0`"),
        ("client-id: c",            "client-id: c, token-request: xml",           "oauth[0].token-request is `xml`"),
    ];
    for (there, instead, expected) in cases {
        let entry = ENTRY.replacen(there, instead, 1);
        assert_ne!(entry, ENTRY, "{there} is not in the entry");
        let said = load_in(&folder, &format!("{{ {entry} }}")).unwrap_err();
        assert!(said.contains(expected), "{entry}:\n{said}");
        assert!(!said.contains("hush"), "{said}");
        assert_eq!(said.lines().count(), 1, "one fault, one message:\n{said}");
    }
    let twice = load_in(&folder, &format!("{{ {ENTRY} }}, {{ {ENTRY} }}")).unwrap_err();
    assert!(twice.contains("oauth[1].name is another entry's name, too"), "{twice}");
}

/// Each came in with a client id of anybody's, or an address of anybody's.
#[test]
fn a_login_that_its_provider_keeps_for_its_own_programs_is_refused_with_the_reason() {
    let folder = folder(&[]);
    let claude_code = "client-id: 9d1c250a-e61b-44d9-88ed-5944d1962f5e";
    let gemini_cli =
        "client-id: 681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com";
    let antigravity =
        "client-id: 1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("https://l.test/token/", "https://api.anthropic.com/v1/oauth/token",     "oauth[0].token-url is where accounts of Claude's log in", "use an API key"),
        ("https://l.test/auth",   "https://claude.ai/oauth/authorize",            "oauth[0].authorize-url is where",                         "Anthropic does not allow it"),
        ("client-id: c",          "client-id: c, device-url: 'https://claude.ai'", "oauth[0].device-url is where",                           "Anthropic does not allow it"),
        ("client-id: c",          claude_code,                                    "oauth[0].client-id is that of Claude Code",      "Anthropic does not allow it"),
        ("client-id: c",          gemini_cli,                                     "oauth[0].client-id is that of Gemini CLI",       "a service account for Vertex AI"),
        ("client-id: c",          antigravity,                                    "oauth[0].client-id is that of Antigravity",      "Google does not allow it"),
    ];
    for (there, instead, what, reason) in cases {
        let entry = ENTRY.replacen(there, instead, 1);
        let said = load_in(&folder, &format!("{{ {entry} }}")).unwrap_err();
        assert!(said.contains(what) && said.contains(reason), "{entry}:\n{said}");
        assert_eq!(said.lines().count(), 1, "one fault, one message:\n{said}");
    }
    let whole = ENTRY.replacen("https://l.test/auth", "https://claude.ai/oauth/authorize", 1);
    let whole =
        whole.replacen("https://l.test/token/", "https://console.anthropic.com/v1/oauth/token", 1);
    let said = load_in(&folder, &format!("{{ {whole} }}")).unwrap_err();
    assert_eq!(said.lines().count(), 1, "all its addresses, one message:\n{said}");
    let own_client_at_google =
        ENTRY.replace("https://l.test/token/", "https://oauth2.googleapis.com/token");
    load_in(&folder, &format!("{{ {own_client_at_google} }}")).expect("a team's own client");
}

#[test]
fn an_authorization_server_on_this_machine_needs_no_tls() {
    let folder = folder(&[]);
    for host in ["localhost:1", "127.0.0.1:1", "[::1]:1"] {
        let entry = ENTRY.replace("https://l.test", &format!("http://{host}"));
        load_in(&folder, &format!("{{ {entry} }}")).expect(host);
    }
}

#[test]
fn what_is_asked_without_tls_is_asked_without_a_proxy() {
    let folder = folder(&[("company", r#"[{"id": "anna"}]"#)]);
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("https://l.test",      true,  "nobody on the way can read it"),
        ("https://127.0.0.1:1", true,  "as it is written"),
        ("http://127.0.0.1:1",  false, "the proxy would read the token, and this machine is not its own"),
        ("http://localhost:1",  false, "by name, too"),
    ];
    for (origin, has_proxy, why) in cases {
        let entry = ENTRY.replace("https://l.test", origin);
        let urls = format!("device-url: '{origin}/device', revoke-url: '{origin}/revoke'");
        let entry = format!("{{ {entry}, {urls}, proxy-url: 'http://proxy.test:3128' }}");

        let loaded = load_in(&folder, &entry).unwrap();

        let entry = &loaded.settings.oauth[0];
        let endpoints =
            [Some(&entry.client.token), entry.client.device.as_ref(), entry.revoke.as_ref()];
        for endpoint in endpoints {
            let endpoint = endpoint.expect("all are written");
            assert_eq!(endpoint.proxy.is_some(), has_proxy, "{endpoint}: {why}");
        }
    }
}

#[test]
fn accounts_are_kept_where_it_is_written_or_with_other_configurations() {
    let sources = |variables: &[(&str, &str)]| Sources {
        environment: variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ..Sources::default()
    };
    let home = ("HOME", "/home/me");
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("",                 vec![home],                             Some("/home/me/.config/ampgate/accounts"), "as most programs do"),
        ("",                 vec![home, ("XDG_CONFIG_HOME", "/c")],  Some("/c/ampgate/accounts"),               "as the user wants it"),
        ("",                 vec![home, ("XDG_CONFIG_HOME", "c")],   Some("/home/me/.config/ampgate/accounts"), "a relative one counts for nothing"),
        ("auth-dir: '~/a'",  vec![home],                             Some("/home/me/a"),                        "written"),
        ("",                 vec![],                                 None,                                      "nobody's home"),
    ];
    for (yaml, variables, expected, why) in cases {
        let loaded = load_text(yaml, &sources(&variables)).unwrap();
        let folder = loaded.settings.auth_dir.map(|folder| folder.display().to_string());
        assert_eq!(folder.as_deref(), expected, "{why}");
    }
    let homeless = load_text(&format!("oauth: [{{ {ENTRY} }}]"), &sources(&[])).unwrap_err();
    assert!(homeless.to_string().contains("auth-dir is needed"), "{homeless}");
}

#[test]
fn logins_of_cliproxyapi_are_not_read_and_said_so() {
    let folder = folder(&[("company", "[]")]);
    let theirs = r#"{"type": "codex", "access_token": "hush", "refresh_token": "hush"}"#;
    fs::write(folder.path().join("codex-me.json"), theirs).unwrap();
    fs::write(folder.path().join("other.json"), "{}").unwrap();

    let loaded = load_in(&folder, "").unwrap();

    let said: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("auth-dir holds 1 login(s) of CLIProxyAPI"), "{said:?}");
    assert!(!said[0].contains("hush"));
}

#[test]
fn what_is_printed_of_an_entry_loads_again() {
    let folder = folder(&[("company", r#"[{"id": "x"}]"#)]);
    let full = "client-secret: hush, device-url: 'https://l.test/device', scopes: [a, b], \
                token-request: json, redirect-host: localhost, redirect-port: 1455, \
                redirect-path: /auth/callback, models: [{ name: m, alias: n }]";

    let first = load_in(&folder, &format!("{{ {ENTRY}, {full} }}")).unwrap().settings.to_yaml();

    assert!(!first.contains("hush"), "{first}");
    assert!(first.contains("openai-compatibility: []"), "accounts are no entries:\n{first}");
    let again = load_text(&first, &Sources::default()).unwrap().settings.to_yaml();
    assert_eq!(again, first);
}

#[test]
fn a_preset_is_all_that_a_chatgpt_plan_needs_and_what_is_written_counts() {
    let folder = folder(&[("chatgpt", r#"[{"id": "me@x.test"}]"#)]);
    let loaded = load_in(&folder, "{ preset: chatgpt }").unwrap();

    let entry = &loaded.settings.oauth[0];
    let client = &entry.client;
    let authorize = client.authorize_url.as_deref().unwrap();
    assert!(authorize.starts_with("https://auth.openai.com/oauth/authorize?"), "{authorize}");
    for parameter in
        ["codex_cli_simplified_flow=true", "id_token_add_organizations=true", "originator=ampgate"]
    {
        assert!(authorize.contains(parameter), "{authorize}");
    }
    assert_eq!(client.token.to_string(), "https://auth.openai.com/oauth/token");
    assert_eq!(client.scopes, ["openid", "profile", "email", "offline_access"]);
    assert_eq!(client.token_request, TokenRequestForm::Form);
    let redirect = &entry.redirect;
    let address = format!("{}:{}{}", redirect.host.as_str(), redirect.port, redirect.path);
    assert_eq!(address, "localhost:1455/auth/callback", "the one that is registered");
    let one = &loaded.settings.credentials[0];
    assert_eq!((one.family, one.id.as_str()), (Family::Codex, "chatgpt-1"));
    assert_eq!(format!("{}{}", one.origin, one.base_path), "https://chatgpt.com/backend-api/codex");
    let terms = loaded.warnings.iter().filter(|said| said.kind == WarningKind::Terms);
    assert_eq!(terms.count(), 1, "{:?}", loaded.warnings);
    let printed = loaded.settings.to_yaml();
    assert!(
        printed.contains("preset: \"chatgpt\"") && printed.contains("chatgpt: []"),
        "{printed}"
    );

    let other = "{ preset: chatgpt, name: mine, client-id: c, redirect-port: 0, scopes: [openid], \
                 token-url: 'https://l.test/t', base-url: 'https://m.test/codex' }";
    let loaded = load_in(&folder, other).unwrap();
    let entry = &loaded.settings.oauth[0];
    assert_eq!((entry.name().as_str(), &*entry.client.client_id), ("mine", "c"));
    assert_eq!(entry.client.token.to_string(), "https://l.test/t");
    assert_eq!((entry.redirect.port, &entry.client.scopes[..]), (0, &["openid".to_owned()][..]));
    assert_eq!(entry.credential.origin.to_string(), "https://m.test");

    let unknown = load_in(&folder, "{ preset: claude }").unwrap_err();
    assert!(unknown.contains("preset is `claude`; it must be one of chatgpt"), "{unknown}");
}
