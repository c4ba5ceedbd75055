//! Challenge and waiting room before a ticket; fairness report and results after an admission.

use futures::StreamExt;
use pulse_contract::sale::v1::*;
use pulse_testkit::TestNode;

use crate::{MINUTE, SECOND, SaleFixture, admit, admit_with, buyer, code, ticket};

fn question(text: &str, right_choice: i32) -> ChallengeQuestion {
    ChallengeQuestion { text: text.to_owned(), choices: vec!["one".to_owned(), "two".to_owned()], right_choice }
}

async fn ask(node: &TestNode, sale_id: i64, number: i64) -> Challenge {
    node.sales().get_challenge(&buyer(node, number), GetChallengeRequest { sale_id }).await.unwrap()
}

async fn answer(
    node: &TestNode,
    sale_id: i64,
    number: i64,
    (question, choice): (&str, i32),
) -> Result<TakeTicketResponse, pulse_kernel::Error> {
    let request =
        TakeTicketRequest { sale_id, challenge_token: question.to_owned(), choice, ..TakeTicketRequest::default() };
    node.sales().take_ticket(&buyer(node, number), request).await
}

/// TR-07: a ticket requires a right answer; a wrong one delays the next; a challenge is answered once by its account.
pub(crate) async fn a_ticket_requires_an_answered_challenge(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let challenge = ChallengeConfig {
        questions: vec![question("1 + 1?", 1)],
        wrong_answer_delay_ms: 5_000,
        ..ChallengeConfig::default()
    };
    let sale = fixture.open_sale(node, SaleDraft { challenge: Some(challenge), ..fixture.draft(node, 5) }).await;
    let seen = node.sales().get_sale(&buyer(node, 1), GetSaleRequest { sale_id: sale }).await.unwrap();
    assert_eq!(seen.sale.unwrap().challenge, None, "the answers are private");
    assert_eq!(code(&ticket(node, sale, 1).await), "SALE_QUESTION_INVALID");
    let asked = ask(node, sale, 1).await;
    assert_eq!((asked.text.as_str(), asked.choices.len()), ("1 + 1?", 2));
    assert_eq!(
        code(&answer(node, sale, 2, (&asked.challenge_token, 1)).await),
        "SALE_QUESTION_INVALID",
        "the challenge belongs to account 1"
    );
    assert_eq!(code(&answer(node, sale, 1, (&asked.challenge_token, 0)).await), "SALE_ANSWER_WRONG");
    let second = ask(node, sale, 1).await;
    let fast = answer(node, sale, 1, (&second.challenge_token, 1)).await.unwrap_err();
    assert_eq!((fast.code(), fast.retry_after()), ("SALE_TOO_FAST", Some(SECOND * 5)));
    node.advance(SECOND * 5);
    assert_eq!(
        code(&answer(node, sale, 1, (&asked.challenge_token, 1)).await),
        "SALE_QUESTION_INVALID",
        "answered before"
    );
    node.advance(SECOND * 5);
    let taken = answer(node, sale, 1, (&second.challenge_token, 1)).await.unwrap();
    assert_eq!(code(&admit_with(node, sale, 1, &taken.ticket).await), "ok");
    let late = ask(node, sale, 3).await;
    node.advance(MINUTE * 2);
    assert_eq!(code(&answer(node, sale, 3, (&late.challenge_token, 1)).await), "SALE_QUESTION_INVALID");
}

/// Two tickets per second: later buyers wait, see their position, and receive a ticket when their number is called.
pub(crate) async fn buyers_above_the_ticket_rate_wait_in_order(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let challenge = ChallengeConfig { tickets_per_second: 2, ..ChallengeConfig::default() };
    let sale_id = fixture.open_sale(node, SaleDraft { challenge: Some(challenge), ..fixture.draft(node, 9) }).await;
    for number in 1..=2 {
        assert_eq!(code(&admit(node, sale_id, number).await), "ok");
    }
    let request = TakeTicketRequest { sale_id, ..TakeTicketRequest::default() };
    let third = node.sales().take_ticket(&buyer(node, 3), request.clone()).await.unwrap();
    let fourth = node.sales().take_ticket(&buyer(node, 4), request).await.unwrap();
    let (third, fourth) = (third.position.unwrap(), fourth.position.unwrap());
    assert_eq!((third.position, third.wait_ms, fourth.position, fourth.wait_ms), (1, 500, 2, 1_000));
    let watch = |at: &QueuePosition| WatchQueuePositionRequest { sale_id, queue_token: at.queue_token.clone() };
    let foreign = node.sales().watch_queue_position(&buyer(node, 5), watch(&third)).await;
    assert_eq!(code(&foreign.map(drop)), "SALE_PLACE_INVALID");
    let mut positions = node.sales().watch_queue_position(&buyer(node, 4), watch(&fourth)).await.unwrap();
    let first = positions.next().await.unwrap().unwrap();
    assert_eq!((first.position, first.ticket.as_str()), (2, ""));
    let rest = tokio::spawn(async move { positions.map(Result::unwrap).collect::<Vec<_>>().await });
    node.advance(SECOND);
    let last = rest.await.unwrap().pop().unwrap();
    assert_eq!(last.position, 0);
    assert_eq!(code(&admit_with(node, sale_id, 4, &last.ticket).await), "ok");
}

/// Fairness report: every admission belongs to one network, one device and one age group.
pub(crate) async fn the_fairness_report_shows_shares(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale_id = fixture.open_sale(node, fixture.draft(node, 9)).await;
    for (number, device, address) in
        [(1, "a", "192.0.2.1"), (2, "a", "192.0.2.9"), (3, "b", "198.51.100.1"), (4, "", "")]
    {
        let request = TakeTicketRequest { sale_id, device: device.to_owned(), ..TakeTicketRequest::default() };
        let cx = pulse_kernel::Cx { client_ip: address.parse().ok(), ..buyer(node, number) };
        let ticket = node.sales().take_ticket(&cx, request).await.unwrap().ticket;
        node.sales().admit(&cx, AdmitRequest { sale_id, ticket, quantity: 1 }).await.unwrap();
    }
    let request = GetFairnessReportRequest { shop_id: fixture.shop.id(), sale_id };
    let report = node.sales().get_fairness_report(&fixture.shop.owner.cx(), request).await.unwrap();
    assert_eq!((report.admission_count, report.units, report.network_count, report.device_count), (4, 4, 3, 3));
    let top = report.networks.first().unwrap();
    assert_eq!((top.group.as_str(), top.admission_count, top.basis_points), ("192.0.2.0/24", 2, 5_000));
    assert_eq!(report.devices.iter().map(|share| share.units).sum::<i64>(), 4);
    assert!(report.devices.iter().any(|share| share.group == "unknown"));
    assert_eq!(report.account_ages.iter().map(|share| share.admission_count).sum::<i64>(), 4);
}

/// TR-34: the result as a stream, and as a call that waits.
pub(crate) async fn a_result_is_streamed_or_awaited(node: &mut TestNode) {
    let fixture = SaleFixture::new(node).await;
    let sale_id = fixture.open_sale(node, fixture.draft(node, 9)).await;
    admit(node, sale_id, 1).await.unwrap();
    let mut results = node.sales().watch_result(&buyer(node, 1), WatchResultRequest { sale_id }).await.unwrap();
    assert_eq!(results.next().await.unwrap().unwrap().state(), ResultState::Processing);
    let (sales, cx) = (node.sales().clone(), buyer(node, 1));
    let waited =
        tokio::spawn(async move { sales.get_result(&cx, GetResultRequest { sale_id, wait_ms: 30_000 }).await });
    node.settle().await;
    assert_eq!(results.next().await.unwrap().unwrap().state(), ResultState::Placed);
    assert!(results.next().await.is_none());
    assert_eq!(waited.await.unwrap().unwrap().state(), ResultState::Placed);
    let missing = node.sales().watch_result(&buyer(node, 2), WatchResultRequest { sale_id }).await;
    assert_eq!(code(&missing.map(drop)), "SALE_ADMISSION_NOT_FOUND");
}
