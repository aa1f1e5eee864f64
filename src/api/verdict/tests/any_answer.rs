//! Property tests of the verdict on arbitrary answers.

use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "code",
        "errors",
        "message",
        "organization",
        "dateTokenIdles",
        "idleTokenTimeoutSeconds",
        "inactivityTimeoutGroupBundles",
        "timeoutSeconds",
    ]);
    let leaf = prop_oneof![
        Just(r#""bad.credentials""#.to_owned()),
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no NaN", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        "[ -~&&[^\"\\\\]]{0,40}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec((name.clone(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any_json().prop_map(String::into_bytes),
        Just(BAD_CREDENTIALS.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..64),
    ]
}

/// Returns true if the JSON has the code in any valid place, determined without the tested code.
fn has_bad_credentials(value: &serde_json::Value) -> bool {
    let code = value.get("code").and_then(serde_json::Value::as_str);
    let nested = value.get("errors").and_then(serde_json::Value::as_array);
    code == Some("bad.credentials")
        || nested.is_some_and(|errors| errors.iter().any(has_bad_credentials))
}

proptest! {
    #[test]
    fn no_answer_panics_and_only_one_is_death(
        status in prop_oneof![Just(401), 0..1000_u16],
        operation in prop::sample::select(EVERY.to_vec()),
        body in any_body(),
        date in prop::option::of(".{0,40}"),
        retry_after in prop::option::of(prop_oneof![".{0,40}", "[0-9]{1,24}"]),
        correlation_id in prop::option::of(".{0,100}"),
        content_type in prop::option::of(prop_oneof![".{0,20}", Just("text/html".to_owned())]),
        content_encoding in prop::option::of(".{0,20}"),
        age in prop::option::of(prop_oneof![".{0,20}", "[0-9]{1,24}"]),
    ) {
        let answer = Answer {
            status,
            date: date.as_deref(),
            retry_after: retry_after.as_deref(),
            correlation_id: correlation_id.as_deref(),
            content_type: content_type.as_deref(),
            content_encoding: content_encoding.as_deref(),
            age: age.as_deref(),
            body: &body,
        };
        if verdict(operation, &answer).verdict == Verdict::Refused(Refusal::BadCredentials) {
            prop_assert_eq!(status, 401);
            let json = serde_json::from_slice(&body).expect("a death has a JSON body");
            prop_assert!(has_bad_credentials(&json));
        }
    }
}
