//! Keys for AWS: what is signed with them, where they come from, and when they are replaced.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::bench::{
    ASKED, ASKED_STREAM, EVENTS, INVOKE_STREAM, answer_well, configuration, event, gateway, refuse,
    signer_of,
};
use crate::support::{ANY_PORT, GatewayProcess, StubUpstream};

fn with_keys(origin: &str) -> String {
    format!(
        "region: eu-west-1, access-key-id: AKID, secret-access-key: aws-hush, \
         session-token: session-hush, base-url: '{origin}'"
    )
}

#[actix_web::test]
async fn a_call_is_signed_so_that_aws_finds_the_same_signature() {
    let bedrock = StubUpstream::answering(answer_well).await;
    let gateway = gateway(&[with_keys(&bedrock.origin)]).await;

    let answer = gateway.post_json("/v1/messages", ASKED_STREAM).await;

    assert!(answer.text().ends_with(&event(EVENTS[5])), "{}", answer.text());
    let seen = bedrock.only_request();
    assert_eq!(seen.target, INVOKE_STREAM);
    assert_eq!(signer_of(&seen, "eu-west-1", "aws-hush"), "AKID");
    assert_eq!(seen.field("x-amz-security-token"), Some("session-hush"));
    assert!(!seen.mentions("aws-hush"), "the secret itself never travels: {seen:?}");
}

#[actix_web::test]
async fn a_wrong_clock_is_told_as_that() {
    let bedrock = StubUpstream::answering(|mut conversation| async move {
        let fields = [
            ("content-type", "application/json"),
            ("x-amzn-errortype", "InvalidSignatureException"),
            ("date", "Sun, 30 Aug 2015 12:36:00 GMT"),
        ];
        conversation.reply(403, &fields, r#"{"message":"Signature expired"}"#).await;
        Some(conversation)
    })
    .await;
    let gateway = gateway(&[with_keys(&bedrock.origin)]).await;

    let answer = gateway.post_json("/v1/messages", ASKED).await;

    assert_eq!(answer.status, 500);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("the gateway's clock is") && message.contains("ahead"), "{message}");
    assert_eq!(bedrock.requests().len(), 1, "no other key would do better");
}

/// What AWS's agent in a container answers.
fn agents_keys(number: usize) -> String {
    let later = SystemTime::now() + Duration::from_secs(6 * 60 * 60);
    let expires = humantime::format_rfc3339_seconds(later);
    format!(
        r#"{{"AccessKeyId":"AKID{number}","SecretAccessKey":"aws-hush-{number}","Token":"session-hush-{number}","Expiration":"{expires}"}}"#
    )
}

#[actix_web::test]
async fn keys_of_a_container_are_found_replaced_when_aws_refuses_them_and_never_logged() {
    let given = Rc::new(Cell::new(0));
    let count = given.clone();
    let agent = StubUpstream::answering(move |mut conversation| {
        count.set(count.get() + 1);
        let keys = agents_keys(count.get());
        async move {
            conversation.reply(200, &[("content-type", "application/json")], keys).await;
            Some(conversation)
        }
    })
    .await;
    let bedrock = StubUpstream::answering(|conversation| async {
        let key = signer_in(&conversation.request);
        if key == "AKID1" {
            return refuse(conversation, 403, "ExpiredTokenException", "expired").await;
        }
        answer_well(conversation).await
    })
    .await;
    let entry = format!("region: eu-west-1, base-url: '{}'", bedrock.origin);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ampgate.yaml");
    std::fs::write(&file, configuration(&[entry])).unwrap();
    let file = file.display().to_string();
    let address = format!("{}/v2/credentials", agent.origin);
    let mut gateway = GatewayProcess::start_in(
        folder,
        &[ANY_PORT, &["--config", &file]].concat(),
        &[
            ("AMPGATE__LOG__FORMAT", "json"),
            ("AMPGATE__LOG__LEVEL", "trace"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &address),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent-hush"),
        ],
    );

    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    let mut client = gateway.connect().await;
    let answer = client.ask("POST", "/v1/messages", &fields, ASKED.as_bytes()).await;
    let again = client.ask("POST", "/v1/messages", &fields, ASKED.as_bytes()).await;

    assert_eq!((answer.status, again.status), (200, 200), "{}", answer.text());
    let seen = bedrock.requests();
    let signers: Vec<String> = seen.iter().map(signer_in).collect();
    assert_eq!(signers, ["AKID1", "AKID2", "AKID2"], "replaced once, and then kept");
    signer_of(&seen[2], "eu-west-1", "aws-hush-2");
    assert_eq!(seen[2].field("x-amz-security-token"), Some("session-hush-2"));
    let asked = agent.requests();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].field("authorization"), Some("agent-hush"));
    let log = gateway.log();
    assert!(!log.contains("hush"), "{log}");
}

fn signer_in(request: &crate::support::SeenRequest) -> String {
    let authorization = request.field("authorization").unwrap();
    authorization.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

#[actix_web::test]
async fn a_role_of_a_profile_is_taken_on_at_awss_token_service() {
    let sts = StubUpstream::answering(|mut conversation| async move {
        let later = SystemTime::now() + Duration::from_secs(3600);
        let expires = humantime::format_rfc3339_seconds(later);
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleResult><AssumedRoleUser><AssumedRoleId>R:s</AssumedRoleId>\
             <Arn>arn:aws:sts::1:assumed-role/bedrock/s</Arn></AssumedRoleUser><Credentials>\
             <AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>role-hush</SecretAccessKey>\
             <SessionToken>session-hush</SessionToken><Expiration>{expires}</Expiration>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>"
        );
        conversation.reply(200, &[("content-type", "text/xml")], body).await;
        Some(conversation)
    })
    .await;
    let bedrock = StubUpstream::answering(answer_well).await;
    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws-config");
    std::fs::write(
        &aws,
        "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = base-hush\n\
         [profile bedrock]\nrole_arn = arn:aws:iam::1:role/bedrock\nsource_profile = base\n",
    )
    .unwrap();
    let entry = format!("region: eu-west-1, profile: bedrock, base-url: '{}'", bedrock.origin);
    let file = folder.path().join("ampgate.yaml");
    std::fs::write(&file, configuration(&[entry])).unwrap();
    let (file, aws) = (file.display().to_string(), aws.display().to_string());
    let mut gateway = GatewayProcess::start_in(
        folder,
        &[ANY_PORT, &["--config", &file]].concat(),
        &[
            ("AMPGATE__LOG__FORMAT", "json"),
            ("AMPGATE__LOG__LEVEL", "trace"),
            ("AWS_CONFIG_FILE", &aws),
            ("AWS_ENDPOINT_URL_STS", &sts.origin),
            // Named, a profile goes before the variables that come first otherwise.
            ("AWS_ACCESS_KEY_ID", "AKOTHER"),
            ("AWS_SECRET_ACCESS_KEY", "other-hush"),
        ],
    );

    let fields = [("authorization", "Bearer client-key-1"), ("content-type", "application/json")];
    let mut client = gateway.connect().await;
    let answer = client.ask("POST", "/v1/messages", &fields, ASKED.as_bytes()).await;

    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), gateway.log());
    let seen = bedrock.only_request();
    assert_eq!(signer_of(&seen, "eu-west-1", "role-hush"), "AKROLE");
    let asked = sts.only_request();
    let form = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(form.contains("Action=AssumeRole"), "{form}");
    assert!(form.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fbedrock"), "{form}");
    assert_eq!(signer_in(&asked), "AKBASE");
    let log = gateway.log();
    assert!(!log.contains("hush"), "{log}");
}
