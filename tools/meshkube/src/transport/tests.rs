use super::*;
use http::HeaderMap;

/// The answer to a request through a guard, whose server makes it of the request's headers.
fn ask(
    guard: &Guard<()>,
    uri: &str,
    token: Option<&str>,
    answer: impl Fn(&HeaderMap) -> Vec<u8> + Clone + Send + 'static,
) -> Result<String, Bound> {
    let inner = tower::service_fn(move |request: Request<Body>| {
        let body = answer(request.headers());
        async move { Ok::<_, BoxError>(Response::new(Full::<bytes::Bytes>::from(body))) }
    });
    let Guard { base, most, parts, ours, .. } = guard.clone();
    let mut request = Request::get(uri);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = Guard { inner, base, most, parts, ours }.call(request);
    let text = crate::block_on(async move {
        Ok(match answer.await {
            Ok(answer) => Ok(answer.into_body().collect().await.unwrap().to_bytes().to_vec()),
            Err(error) => Err(*error.downcast::<Bound>().expect("it is one of ours")),
        })
    });
    Ok(String::from_utf8(text.unwrap()?).unwrap())
}

fn guard() -> Guard<()> {
    Guard { inner: (), base: "/base".to_owned(), most: 1000, parts: 100, ours: Arc::default() }
}

const PODS: &str = "https://h/base/api/v1/pods?";

/// Of an attack: the token was printed, and 8 times in the capture.
#[test]
fn a_server_does_not_make_us_say_our_credentials() {
    let guard = guard();
    let echo = |headers: &HeaderMap| {
        let mut text = b"denied for ".to_vec();
        text.extend(headers.get(AUTHORIZATION).map_or(&b"OLD-TOKEN"[..], HeaderValue::as_bytes));
        text.repeat(2)
    };
    let answer = ask(&guard, PODS, Some("Bearer OLD-TOKEN"), echo).unwrap();
    assert_eq!(answer, "denied for Bearer [removed]denied for Bearer [removed]");
    let answer = ask(&guard, PODS, Some("Basic dTpw"), echo).unwrap();
    assert_eq!(answer, "denied for Basic [removed]denied for Basic [removed]");
    // Nor one that it was sent before.
    assert_eq!(ask(&guard, PODS, None, echo).unwrap(), "denied for [removed]".repeat(2));
}

#[test]
fn an_answer_ends() {
    let guard = guard();
    assert_eq!(ask(&guard, PODS, None, |_| vec![b'a'; 1000]).unwrap().len(), 1000);
    assert_eq!(ask(&guard, PODS, None, |_| vec![b'a'; 1001]), Err(Bound::Answer));
    guard.ours.take(IN_ALL - 2000).unwrap();
    assert!(ask(&guard, PODS, None, |_| vec![b'a'; 1000]).is_ok());
    assert_eq!(ask(&guard, PODS, None, |_| vec![b'a']), Err(Bound::Answers));
}

/// Of an attack: 64 MiB of `{},` take 10 GiB, and no limit of time ends the reading of them.
#[test]
fn an_answer_has_so_many_parts() {
    let guard = guard();
    let items = |count: usize| move |_: &HeaderMap| format!("[{}]", "{},".repeat(count)).into();
    assert!(ask(&guard, PODS, None, items(99)).is_ok());
    assert_eq!(ask(&guard, PODS, None, items(100)), Err(Bound::Parts));
    assert_eq!(ask(&guard, PODS, None, |_| vec![b'['; 101]), Err(Bound::Parts));
}

#[test]
fn what_must_not_leave_does_not() {
    let never = |_: &HeaderMap| panic!("it was sent");
    let delete = "https://h/base/api/v1/namespaces/victim?x=/configmaps/a?";
    assert_eq!(ask(&guard(), delete, None, never), Err(Bound::Request));
    let plain = "http://h/base/api/v1/pods?";
    assert_eq!(ask(&guard(), plain, Some("Bearer TOKEN"), never), Err(Bound::Plain));
    assert!(ask(&guard(), plain, None, |_| Vec::new()).is_ok());
}

/// Of an attack: 302 with `{}` was "created".
#[test]
fn a_redirect_is_no_answer() {
    let inner = tower::service_fn(|_: Request<Body>| async {
        let answer = Response::builder().status(302).header("location", "https://u:PW@h/a?t=PW");
        Ok::<_, BoxError>(answer.body(Full::<bytes::Bytes>::from("{}")).unwrap())
    });
    let Guard { base, most, parts, ours, .. } = guard();
    let request = Request::get(PODS).body(Body::empty()).unwrap();
    let answer = Guard { inner, base, most, parts, ours }.call(request);
    let bound = crate::block_on(async { Ok(answer.await.err()) }).unwrap().unwrap();
    let bound = bound.downcast_ref::<Bound>().unwrap();
    assert_eq!(bound.to_string(), "it redirects to https://h/a, and no API server does");
}

fn named(name: &str) -> Vec<u8> {
    format!(r#"{{"kind": "Pod", "metadata": {{"name": "{name}"}}}}"#).into()
}

#[test]
fn an_object_is_the_one_that_was_asked_for() {
    let pod = "https://h/base/api/v1/namespaces/n/pods/a?";
    assert!(ask(&guard(), pod, None, |_| named("a")).is_ok());
    let other = Bound::Other("Pod b and not a".to_owned());
    assert_eq!(ask(&guard(), pod, None, |_| named("b")), Err(other));
}
