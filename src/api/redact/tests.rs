use std::iter;

use super::*;

const SECRET: &str = "Zm9v-c2VjcmV0LXRva2VuLW9mLWEtdGVzdC10aGF0LW11c3QtbmV2ZXItYmUtc2hvd24";

#[derive(Default)]
struct CollectedForms(Vec<Vec<u8>>);

impl Forms for CollectedForms {
    fn add(&mut self, form: &[u8], _: usize) {
        self.0.push(form.to_vec());
    }
}

fn redactor() -> Redactor {
    Redactor::new(&Token::from_bytes(SECRET.into()).unwrap())
}

fn each(write: impl Fn(u8) -> String) -> String {
    SECRET.bytes().map(write).collect()
}

/// Returns the forms in which a server might disguise the token.
fn disguises() -> Vec<String> {
    let doubled = each(|byte| format!("%25{byte:02x}"));
    let encoded = |before: &str| STANDARD_NO_PAD.encode(format!("{before}{SECRET}"));
    vec![
        SECRET.to_owned(),
        SECRET.to_uppercase(),
        SECRET[..43].to_owned(),
        SECRET[20..28].to_owned(),
        SECRET.chars().rev().collect(),
        each(|byte| format!("{}\0", char::from(byte))),
        each(|byte| format!("{} ", char::from(byte))),
        each(|byte| format!("{}\u{200b}", char::from(byte))),
        each(|byte| format!("{}\u{1b}[0m", char::from(byte))).replace("[0m", ""),
        each(|byte| {
            char::from_u32(u32::from(byte) + 0xfee0)
                .unwrap()
                .to_string()
        }),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("={byte:02X}")),
        each(|byte| format!("\\x{byte:02x}")),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| format!("\\u{{{byte:x}}}")),
        each(|byte| format!("\\\\u{byte:04x}")).replace("\\\\", "\\"),
        each(|byte| format!("\\{byte:03o}")),
        each(|byte| format!("&#{byte};")),
        each(|byte| format!("&#x{byte:x};")),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}:")),
        each(|byte| format!("0x{byte:02x}, ")),
        doubled,
        encoded(""),
        encoded("a"),
        encoded("ab"),
        encoded("").replace('+', "-").replace('/', "_"),
        format!("Bearer {SECRET}, once more: {SECRET}"),
    ]
}

/// Returns true if a text contains a run of the token, or the whole disguise.
fn leaks(text: &str, disguise: &str) -> bool {
    let text = text.to_lowercase();
    let is_contained = |run: &[u8]| text.contains(&String::from_utf8_lossy(run).to_lowercase());
    SECRET.as_bytes().windows(RUN).any(is_contained) || text.contains(&disguise.to_lowercase())
}

#[test]
fn no_disguise_of_a_token_passes() {
    for disguise in disguises() {
        let shown = redactor().text(&disguise).into_owned();
        assert!(!leaks(&shown, &disguise), "{disguise:?}: {shown:?}");
        // Only characters beside the token may remain of a disguise.
        assert!(shown.len() < 60, "{disguise:?}: {shown:?}");
    }
}

#[test]
fn what_stands_beside_the_token_stays() {
    let shown = redactor()
        .text(&format!("the token {SECRET} is refused"))
        .into_owned();
    assert_eq!(shown, "the token *** is refused");
}

#[test]
fn pieces_that_a_removed_part_separated_are_removed_as_well() {
    let text = format!("{} {} {}", &SECRET[..4], &SECRET[30..40], &SECRET[4..11]);
    assert_eq!(redactor().text(&text), REMOVED);
}

#[test]
fn ordinary_texts_are_left_as_they_are() {
    for text in [
        "",
        "bad.credentials",
        "Invalid login credentials.",
        "5a0e5a0e-5a0e-5a0e-5a0e-5a0e5a0e5a0e",
        "100% of \\users & %zz \\u12 &#; 0x",
        "Zürich \u{65e5}\u{672c} AG",
    ] {
        assert!(matches!(redactor().text(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn a_short_token_is_looked_for_as_a_whole() {
    let redactor = Redactor::new(&Token::from_bytes(b"credentials-1".to_vec()).unwrap());
    assert_eq!(
        redactor.text("Invalid login credentials."),
        "Invalid login credentials."
    );
    assert_eq!(redactor.text("no Credentials-1"), "no ***");
    let tiny = Redactor::new(&Token::from_bytes(b"kiosk".to_vec()).unwrap());
    assert_eq!(tiny.text("kiosk"), "kiosk");
}

#[test]
fn a_body_that_is_json_stays_json_and_keeps_what_is_not_the_token() {
    for disguise in disguises() {
        let json = serde_json::json!({
            "code": "bad.credentials",
            "message": disguise,
            "nested": [{ (disguise.clone()): 1, "deep": [disguise] }],
        });
        let body = redactor().body(serde_json::to_vec(&json).unwrap());
        let read: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(read["code"], "bad.credentials");
        let shown = String::from_utf8(body).unwrap();
        assert!(!leaks(&shown, &disguise), "{disguise:?}: {shown}");
    }
}

#[test]
fn a_token_that_is_spread_over_many_values_is_removed_with_all_of_them() {
    let pieces: Vec<_> = SECRET.chars().map(String::from).collect();
    let body = serde_json::to_vec(&pieces).unwrap();
    assert_eq!(redactor().body(body), REMOVED.as_bytes());
}

#[test]
fn a_body_without_the_token_is_not_touched() {
    for body in [&b"{ \"a\" : 1.50 }"[..], b"\xff\xfe", b"<html>", b""] {
        assert_eq!(redactor().body(body.to_vec()), body);
    }
}

#[test]
fn eight_characters_of_a_token_are_removed_whatever_they_are() {
    let secret = "8y3Lw0vJ-4Tq_Zr7NcXbGdKf.mHs2~eU5";
    let redactor = Redactor::new(&Token::from_bytes(secret.into()).unwrap());
    for at in 0..=secret.len() - RUN {
        let piece = &secret[at..at + RUN];
        let shown = redactor.text(piece).into_owned();
        assert!(!shown.contains(piece), "{piece}: {shown}");
        let escaped = piece.bytes().fold(String::new(), |escaped, byte| {
            escaped + &format!("\\u{byte:04x}")
        });
        let shown = redactor.text(&escaped).into_owned();
        assert!(!shown.contains(&escaped), "{piece}: {shown}");
    }
}

#[test]
fn a_field_that_stands_twice_does_not_hide_what_the_first_one_repeats() {
    let body = format!("{{\"note\":\"{SECRET}\",\"note\":\"fine\"}}");
    let shown = String::from_utf8(redactor().body(body.into_bytes())).unwrap();
    assert_eq!(shown, "{\"note\":\"fine\"}");
}

#[test]
fn a_disguise_is_never_passed_without_a_redactor() {
    let token = Token::from_bytes(SECRET.into()).unwrap();
    for disguise in disguises() {
        for text in [disguise.clone(), format!("{{\"message\":\"{disguise}\"}}")] {
            assert!(!is_clean(&token, iter::once(text.as_bytes())), "{text:?}");
        }
    }
}

#[test]
fn a_text_that_is_passed_without_a_redactor_would_not_be_changed_by_one() {
    let token = Token::from_bytes(SECRET.into()).unwrap();
    let redactor = redactor();
    let mut random = fastrand::Rng::with_seed(17);
    let mut forms = CollectedForms::default();
    add_plain_forms(SECRET.as_bytes(), &mut forms);
    add_exact_forms(SECRET.as_bytes(), &mut forms);
    let forms = forms.0;
    let (mut clean, mut changed) = (0, 0);
    for _ in 0..20_000 {
        let form = &forms[random.usize(0..forms.len())];
        let length = random.usize(1..20);
        let start = random.usize(0..form.len() - length);
        let mut text = String::from_utf8(form[start..start + length].to_vec()).unwrap();
        for _ in 0..random.usize(0..4) {
            let separator = ['-', '"', ' ', '.', ':', 'x', '0'][random.usize(0..7)];
            text.insert(random.usize(0..=text.len()), separator);
        }
        let is_changed = matches!(redactor.text(&text), Cow::Owned(_));
        let is_clean = is_clean(&token, iter::once(text.as_bytes()));
        assert!(!(is_clean && is_changed), "{text}");
        clean += u32::from(is_clean);
        changed += u32::from(is_changed);
    }
    assert!(clean > 1000 && changed > 1000, "{clean} {changed}");
}

#[test]
fn an_ordinary_answer_needs_no_redactor() {
    let token = Token::from_bytes(SECRET.into()).unwrap();
    let body = r#"{"organization":{"id":"b8a5f3f8-93a5-4a55-9c06-6b1f6b1a1f10","name":"Example"},"dateTokenIdles":"2026-11-28T12:00:00.123Z"}"#;
    let texts = ["Sat, 28 Nov 2026 12:00:00 GMT", "application/json", body];
    assert!(is_clean(&token, texts.iter().map(|text| text.as_bytes())));
}
