//! `(pulse.policy)`: checked against the request, and written as the policy table.

use std::fmt::Write;

use prost_reflect::MethodDescriptor;

use crate::binding::{Method, Service};
use crate::model::{Model, Place, Shape};
use crate::names;
use crate::options::PolicyOption;
use crate::problems::Problems;

/// How long a call may take when the policy does not say, in milliseconds.
const DEADLINE_MS_DEFAULT: u32 = 10_000;

/// Reports what makes no sense.
pub(crate) fn check(model: &Model, desc: &MethodDescriptor, policy: &PolicyOption, problems: &mut Problems) {
    let name = desc.full_name();
    let has = |caller: &str| policy.callers.iter().any(|known| known == caller);
    if policy.callers.is_empty() || has("CALLER_UNSPECIFIED") {
        problems.add(name, "(pulse.policy) names no callers");
    }
    if has("ANYONE") && policy.callers.len() > 1 {
        problems.add(name, "ANYONE stands alone");
    }
    let is_scoped = !policy.shop_field.is_empty();
    match (has("MERCHANT_STAFF"), is_scoped, policy.any_shop) {
        (true, false, false) => problems.add(name, "MERCHANT_STAFF needs a shop_field, or any_shop: true"),
        (true, true, true) => problems.add(name, "shop_field and any_shop exclude each other"),
        (false, true, _) | (false, _, true) => problems.add(name, "shop_field and any_shop are for MERCHANT_STAFF"),
        _ => {}
    }
    if is_scoped && scope(model, desc, policy).is_none() {
        let input = desc.input();
        problems.add(name, format!("{} has no int64 field {} for shop_field", input.name(), policy.shop_field));
    }
    for rate in &policy.rates {
        if rate.per == "PER_UNSPECIFIED" || rate.per.is_empty() || rate.count == 0 || rate.window_ms == 0 {
            problems.add(name, "a rate needs per, count and window_ms");
        }
    }
    if policy.idempotent && policy.cancel_on_disconnect {
        problems.add(name, "what saves its answer goes on to its end: it is idempotent or cancel_on_disconnect");
    }
    if policy.idempotent && desc.is_server_streaming() {
        problems.add(name, "a stream cannot be idempotent: its answer cannot be saved");
    }
}

/// A closure that reads the shop out of the request; `None` when the path leads nowhere.
pub(crate) fn scope(model: &Model, desc: &MethodDescriptor, policy: &PolicyOption) -> Option<String> {
    if policy.shop_field.is_empty() {
        return Some("|_| None".to_owned());
    }
    let fields = model.resolve(&desc.input(), &policy.shop_field)?;
    let (last, parents) = fields.split_last()?;
    let mut code = String::from("|request| Some(request)");
    for parent in parents {
        if !matches!((&parent.place, &parent.shape), (Place::Optional, Shape::Message(_))) {
            return None;
        }
        write!(code, ".and_then(|message| message.{}.as_ref())", parent.ident).ok()?;
    }
    match (&last.place, &last.shape) {
        (Place::Plain, Shape::I64) => write!(code, ".map(|message| message.{})", last.ident).ok()?,
        (Place::Optional, Shape::I64) => write!(code, ".and_then(|message| message.{})", last.ident).ok()?,
        _ => return None,
    }
    Some(code + ".map(::pulse_kernel::id::ShopId::new)")
}

/// The name of the module that holds the specs of a service.
pub(crate) fn module(service: &Service) -> String {
    format!("{}_methods", names::snake(service.stem()))
}

/// The path of the spec of a method.
pub(crate) fn spec(service: &Service, method: &Method) -> String {
    format!("{}::{}", module(service), names::shout(method.desc.name()))
}

/// Writes the specs of a service.
pub(crate) fn emit(service: &Service) -> String {
    let mut specs = String::new();
    let mut all = String::new();
    for method in &service.methods {
        let name = names::shout(method.desc.name());
        all += &format!("&{name},");
        specs += &format!(
            "#[doc = \" [`{method_name}`](super::{stem}Api::{function}).\"]
            pub static {name}: MethodSpec = MethodSpec {{
                service: {service_name:?}, name: {method_name:?}, path: \"/{service_name}/{method_name}\",
                policy: {policy},
            }};\n",
            stem = service.stem(),
            function = names::snake(method.desc.name()),
            service_name = service.desc.full_name(),
            method_name = method.desc.name(),
            policy = literal(&method.policy),
        );
    }
    format!(
        "#[doc = \" The rpcs of {} and who may call them.\"]
        pub mod {} {{
            use ::pulse_contract::method::{{Caller, MethodSpec, Policy, Rate, RatePer}};
            {specs}
            #[doc = \" All of them.\"]
            pub static ALL: &[&MethodSpec] = &[{all}];
        }}\n",
        service.desc.name(),
        module(service)
    )
}

fn literal(policy: &PolicyOption) -> String {
    let callers: String =
        policy.callers.iter().map(|caller| format!("Caller::{},", caller_name(caller, policy))).collect();
    let rates: String = policy
        .rates
        .iter()
        .map(|rate| {
            let per = names::camel(&rate.per.to_lowercase());
            format!("Rate {{ per: RatePer::{per}, count: {}, window_ms: {} }},", rate.count, rate.window_ms)
        })
        .collect();
    let deadline_ms = if policy.deadline_ms == 0 { DEADLINE_MS_DEFAULT } else { policy.deadline_ms };
    format!(
        "Policy {{ callers: &[{callers}], rates: &[{rates}], idempotent: {}, cancels_on_disconnect: {}, deadline_ms: {deadline_ms} }}",
        policy.idempotent, policy.cancel_on_disconnect
    )
}

fn caller_name(caller: &str, policy: &PolicyOption) -> String {
    if caller == "MERCHANT_STAFF" && policy.any_shop {
        return "AnyMerchantStaff".to_owned();
    }
    names::camel(&caller.to_lowercase())
}
