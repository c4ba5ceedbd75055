//! Templates: quotas, validation, visibility.

use pulse_contract::marketing::v1::*;
use pulse_testkit::{TestNode, cny};

use crate::{DAY, SHOP, by, claim, code, customer, later, left, template, ten_off, wire};

/// PL-06: a template is public, and its quota is a resource of the stock context.
pub(crate) async fn a_template_has_its_quota(node: &mut TestNode) {
    let made = template(node, ten_off(node)).await;
    assert_eq!((made.shop_id, made.is_closed, made.version), (0, false, 1));
    let request = GetTemplateRequest { template_id: made.template_id };
    assert_eq!(node.coupons().get_template(&node.anonymous(), request).await.unwrap(), made);
    assert_eq!(left(node, made.template_id).await, (100, 0));
    let unknown = GetTemplateRequest { template_id: 42 };
    assert_eq!(code(&node.coupons().get_template(&node.anonymous(), unknown).await), "MARKETING_TEMPLATE_NOT_FOUND");
}

/// An invalid template is refused with all violations.
pub(crate) async fn all_violations_are_returned(node: &mut TestNode) {
    let create = async |draft: TemplateDraft| {
        let request = CreateTemplateRequest { shop_id: SHOP, template: Some(draft) };
        node.coupons().create_template(&by(node, 9, &[SHOP]), request).await
    };
    let wrong = TemplateDraft {
        amount_minor: 0,
        ends_at: wire(node.now()),
        category_codes: vec![4],
        shop_ids: vec![1],
        price: Some(cny(100)),
        ..ten_off(node)
    };
    let error = create(wrong).await.unwrap_err();
    assert_eq!(error.code(), "MARKETING_TEMPLATE_INVALID");
    let mut fields: Vec<&str> = error.violations().iter().map(|violation| violation.field.as_ref()).collect();
    fields.dedup();
    let expected =
        ["template.amount_minor", "template.ends_at", "template.price", "template.category_codes", "template.shop_ids"];
    assert_eq!(fields, expected);
    assert_eq!(code(&create(ten_off(node)).await), "ok");
}

/// Templates that can be claimed or bought now are listed page by page; granted, ended, future and closed ones are not.
pub(crate) async fn what_is_on_offer_is_listed(node: &mut TestNode) {
    let now = node.now();
    let sale = Distribution::Purchase.into();
    let mut expected = Vec::new();
    for number in 0..5 {
        let name = format!("Number {number}");
        expected.push(template(node, TemplateDraft { name, ..ten_off(node) }).await);
    }
    expected.push(template(node, TemplateDraft { distribution: sale, price: Some(cny(500)), ..ten_off(node) }).await);
    template(node, TemplateDraft { distribution: Distribution::Grant.into(), ..ten_off(node) }).await;
    template(node, TemplateDraft { starts_at: wire(now.plus(DAY)), ..ten_off(node) }).await;
    let closed = template(node, ten_off(node)).await;
    let close = CloseTemplateRequest { template_id: closed.template_id };
    node.coupons().close_template(&node.cx(), close).await.unwrap();
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListTemplatesRequest { shop_id: 0, page_size: 4, page_token };
        let page = node.coupons().list_templates(&node.anonymous(), request).await.unwrap();
        listed.extend(page.templates);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, expected);
    later(node, 30 * DAY).await;
    let later = node.coupons().list_templates(&node.anonymous(), ListTemplatesRequest::default()).await.unwrap();
    assert_eq!(later.templates, [], "everything is over");
}

/// Staff of its shop closes a template; other callers do not find it. Issued coupons stay valid.
pub(crate) async fn a_closed_template_gives_nothing(node: &mut TestNode) {
    let request = CreateTemplateRequest { shop_id: SHOP, template: Some(ten_off(node)) };
    let made = node.coupons().create_template(&by(node, 9, &[SHOP]), request).await.unwrap();
    let template_id = made.template_id;
    let had = claim(node, 1, template_id).await.unwrap();
    let close = CloseTemplateRequest { template_id };
    for foreign in [by(node, 8, &[SHOP + 1]), customer(node, 9)] {
        assert_eq!(code(&node.coupons().close_template(&foreign, close).await), "MARKETING_TEMPLATE_NOT_FOUND");
    }
    let closed = node.coupons().close_template(&by(node, 9, &[SHOP]), close).await.unwrap();
    assert_eq!((closed.is_closed, closed.version), (true, 2));
    let again = node.coupons().close_template(&by(node, 9, &[SHOP]), close).await.unwrap();
    assert_eq!(again.version, 2, "closed is closed");
    assert_eq!(code(&claim(node, 2, template_id).await), "MARKETING_ENDED");
    assert_eq!(crate::state_of(node, &had).await.0, CouponState::Active);
}
