//! Lists: filters and pages.

use proto::api::v1;
use tonic::Code;

use crate::served::Served;

async fn ids(served: &Served, filter: v1::SubmissionFilter, size: u32) -> Vec<Vec<String>> {
    let mut submissions = served.submissions().await;
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let page = Some(v1::PageRequest { size, token });
        let asked = v1::ListSubmissionsRequest { filter: Some(filter.clone()), page };
        let answer = submissions.list_submissions(asked).await.unwrap().into_inner();
        pages.push(answer.submissions.into_iter().map(|submission| submission.id).collect());
        token = answer.page.unwrap().next_token;
        if token.is_empty() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_hold_every_submission_once_the_newest_first() {
    let served = Served::open().await;
    let mut submissions = served.submissions().await;
    let mut sent = Vec::new();
    for number in 0..5 {
        let request =
            v1::SubmitRequest { owner: format!("owner-{}", number % 2), ..served.training(&format!("m-{number}")) };
        sent.push(submissions.submit(request).await.unwrap().into_inner().submission.unwrap().id);
    }
    let newest_first: Vec<String> = sent.iter().rev().cloned().collect();
    let pages = ids(&served, v1::SubmissionFilter::default(), 2).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), newest_first);
    let of_one = v1::SubmissionFilter { owner: "owner-1".to_owned(), ..Default::default() };
    assert_eq!(ids(&served, of_one, 50).await.concat(), [sent[3].clone(), sent[1].clone()]);
    let of_a_name = v1::SubmissionFilter { name: "m-4".to_owned(), ..Default::default() };
    assert_eq!(ids(&served, of_a_name, 50).await.concat(), [sent[4].clone()]);
    let of_a_kind = v1::SubmissionFilter { kind: v1::Kind::Scoring.into(), ..Default::default() };
    assert!(ids(&served, of_a_kind, 50).await.concat().is_empty());
    for id in sent {
        submissions.cancel_submission(v1::CancelSubmissionRequest { id }).await.unwrap();
    }
    served.stop().await;
}

#[tokio::test]
async fn a_page_token_that_nobody_gave_is_refused() {
    let served = Served::open().await;
    let page = Some(v1::PageRequest { size: 1, token: "made up".to_owned() });
    let asked = v1::ListSubmissionsRequest { filter: None, page };
    let refused = served.submissions().await.list_submissions(asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("page token"), "{refused:?}");
    served.stop().await;
}
