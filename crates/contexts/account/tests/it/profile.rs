//! Profiles.

use futures::future::join_all;
use pulse_contract::account::v1::*;
use pulse_testkit::TestNode;

use crate::{code, tally};

/// Given fields change, absent fields stay; the public part is visible to all.
pub(crate) async fn a_profile_changes_field_by_field(node: &mut TestNode) {
    let person = node.sign_up("+8613800138000").await;
    let update = async |request| node.accounts().update_me(&person.cx(), request).await;
    let bio = Some("茶 and books".to_owned());
    let changed = update(UpdateMeRequest { bio, ..Default::default() }).await.unwrap();
    assert_eq!((changed.bio.as_str(), changed.display_name.as_str()), ("茶 and books", "Person +8613800138000"));
    let avatar_url = Some("https://pictures.example/me.png".to_owned());
    let display_name = Some("王芳".to_owned());
    update(UpdateMeRequest { avatar_url, display_name, ..Default::default() }).await.unwrap();
    let request = GetProfileRequest { account_id: person.id() };
    let profile = node.accounts().get_profile(&node.anonymous(), request).await.unwrap();
    assert_eq!((profile.display_name.as_str(), profile.bio.as_str()), ("王芳", "茶 and books"));
    assert_eq!(profile.avatar_url, "https://pictures.example/me.png");
    // T1: a picture has the address of a web page.
    for address in ["https://a b", "https://user@a.example/x.png", "https:///x.png"] {
        let refused = update(UpdateMeRequest { avatar_url: Some(address.to_owned()), ..Default::default() }).await;
        assert_eq!(refused.unwrap_err().code(), "VALIDATION_FAILED", "{address}");
    }
    let none = update(UpdateMeRequest { avatar_url: Some(String::new()), ..Default::default() }).await.unwrap();
    assert_eq!(none.avatar_url, "");
}

/// A time zone that is not in the IANA database is refused and changes nothing.
pub(crate) async fn time_zones_are_those_of_iana(node: &mut TestNode) {
    let person = node.sign_up("+8613800138000").await;
    let set = async |zone: &str| {
        let request = UpdateMeRequest { time_zone: Some(zone.to_owned()), ..Default::default() };
        node.accounts().update_me(&person.cx(), request).await
    };
    for zone in ["America/Los_Angeles", "Asia/Kathmandu", "UTC"] {
        assert_eq!(set(zone).await.unwrap().time_zone, zone);
    }
    for nowhere in ["Mars/Olympus", "GMT+8:00", "../../etc/passwd", "上海"] {
        assert_eq!(code(&set(nowhere).await), "ACCOUNT_TIME_ZONE_UNKNOWN", "{nowhere}");
    }
    assert_eq!(node.accounts().get_me(&person.cx(), GetMeRequest {}).await.unwrap().time_zone, "UTC");
}

/// Concurrent changes of different fields are all kept.
pub(crate) async fn parallel_changes_of_different_fields_are_all_kept(node: &mut TestNode) {
    let person = node.sign_up("+8613800138000").await;
    let requests = [
        UpdateMeRequest { bio: Some("bio".to_owned()), ..Default::default() },
        UpdateMeRequest { display_name: Some("name".to_owned()), ..Default::default() },
        UpdateMeRequest { time_zone: Some("UTC".to_owned()), ..Default::default() },
    ];
    let cx = person.cx();
    let outcomes = join_all(requests.into_iter().map(|request| node.accounts().update_me(&cx, request))).await;
    assert_eq!(tally(outcomes.iter().map(code)), [("ok", 3)]);
    let me = node.accounts().get_me(&cx, GetMeRequest {}).await.unwrap();
    assert_eq!((me.bio.as_str(), me.display_name.as_str(), me.time_zone.as_str()), ("bio", "name", "UTC"));
}

/// An unknown ID is not found.
pub(crate) async fn unknown_accounts_are_not_found(node: &mut TestNode) {
    let request = GetProfileRequest { account_id: 42 };
    assert_eq!(code(&node.accounts().get_profile(&node.anonymous(), request).await), "ACCOUNT_NOT_FOUND");
}
