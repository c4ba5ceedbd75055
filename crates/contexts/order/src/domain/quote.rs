//! Price of an order: lines, discounts, fees, tax and tip, in integer minor units that sum exactly. All problems that
//! prevent placing the order are reported together.

mod reasons;

use pulse_kernel::Locale;
use pulse_kernel::id::CouponId;

use super::area::Location;

/// Maximum quantity of a line.
pub const QUANTITY_MAX: i32 = 999;
/// Maximum total price of an order, in minor units.
pub const TOTAL_MINOR_MAX: i64 = 1_000_000_000_000;
/// Number of basis points in 100 %.
const BASIS_POINTS: i128 = 10_000;

/// A product that the shop offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// ID of the product, or of the template of a voucher.
    pub product_id: i64,
    /// Name of the product.
    pub name: String,
    /// Code of the category; 0 for none.
    pub category_code: i64,
    /// Variants that can be ordered.
    pub variants: Vec<Variant>,
    /// Groups of modifiers.
    pub groups: Vec<Group>,
}

/// A variant of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// ID of the variant; 0 for a voucher.
    pub variant_id: i64,
    /// Name of the variant; empty for a voucher.
    pub name: String,
    /// Price of one unit in minor units.
    pub price_minor: i64,
    /// ISO 4217 code of the currency.
    pub currency: String,
}

/// A group of modifiers with the permitted number of selections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Minimum number of modifiers to select.
    pub choices_min: usize,
    /// Maximum number of modifiers to select.
    pub choices_max: usize,
    /// Names of the modifiers, each with its surcharge in minor units.
    pub modifiers: Vec<(String, i64)>,
}

/// A selected modifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Name of the group.
    pub group: String,
    /// Name of the modifier.
    pub modifier: String,
}

/// A line that a customer requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedLine {
    /// ID of the product, or of the template of a voucher.
    pub product_id: i64,
    /// ID of the variant; 0 for a voucher.
    pub variant_id: i64,
    /// Number of units, 1 to [`QUANTITY_MAX`].
    pub quantity: i32,
    /// Modifiers for each unit.
    pub choices: Vec<Choice>,
    /// Note for the kitchen; empty for none.
    pub note: String,
}

/// A requested line with its price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Number of the line, starting at 1.
    pub number: i32,
    /// The request.
    pub requested: RequestedLine,
    /// Name of the product.
    pub product_name: String,
    /// Name of the variant.
    pub variant_name: String,
    /// Code of the product's category; 0 for none.
    pub category_code: i64,
    /// Price of one unit with its modifiers, in minor units.
    pub unit_price_minor: i64,
    /// Price of all units before discounts, in minor units.
    pub subtotal_minor: i64,
    /// Share of the line in the discounts, in minor units.
    pub discount_minor: i64,
}

/// Kind of a problem that prevents placing an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The order has no lines, or a line has no units.
    Empty,
    /// The shop does not sell the item.
    ItemUnknown,
    /// The modifiers do not match the groups of the product.
    ChoicesInvalid,
    /// The lines have different currencies.
    CurrencyMismatch,
    /// A quantity or an amount exceeds its maximum.
    TooLarge,
    /// The shop is closed.
    ShopClosed,
    /// The shop does not deliver to the address.
    AddressOutside,
    /// The lines sum to less than the minimum of the shop.
    BelowMinimum,
    /// The shop does not accept the payment method.
    PaymentMethodRefused,
    /// The total cannot be paid online.
    AmountNotPayable,
    /// A coupon cannot be used for the order.
    CouponRefused,
    /// The stock does not suffice.
    StockShort,
    /// The total differs from the one that the customer confirmed.
    PriceChanged,
}

/// A problem that prevents placing an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Kind of the problem.
    pub kind: ProblemKind,
    /// Path of the field in the draft, for example `lines[2]`.
    pub field: String,
    /// Rule and value, for people.
    pub detail: String,
}

impl Problem {
    /// A problem of one field.
    #[must_use]
    pub fn new(kind: ProblemKind, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, field: field.into(), detail: detail.into() }
    }
}

/// Priced lines of an order; all have the same currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines in the order of the requests, without lines that cannot be priced.
    pub lines: Vec<Line>,
    /// ISO 4217 code of the currency, taken from the first line.
    pub currency: String,
    /// Sum of the lines in minor units.
    pub subtotal_minor: i64,
    /// Problems of the requested lines.
    pub problems: Vec<Problem>,
}

/// Prices all requested lines from the offers, and collects their problems.
#[must_use]
pub fn price_lines(offers: &[Offer], requests: Vec<RequestedLine>) -> Lines {
    let mut priced = Lines::default();
    if requests.is_empty() {
        priced.problems.push(Problem::new(ProblemKind::Empty, "lines", "at least 1 line is required, got 0"));
    }
    for (index, requested) in requests.into_iter().enumerate() {
        let number = i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1);
        match price_line(offers, requested, number) {
            Ok((line, currency)) => priced.add(line, currency, index),
            Err((kind, detail)) => priced.problems.push(Problem::new(kind, format!("lines[{index}]"), detail)),
        }
    }
    priced
}

impl Lines {
    fn add(&mut self, line: Line, currency: &str, index: usize) {
        if self.lines.is_empty() {
            currency.clone_into(&mut self.currency);
        } else if self.currency != currency {
            let detail = format!("all lines must have the currency {}, got {currency}", self.currency);
            self.problems.push(Problem::new(ProblemKind::CurrencyMismatch, format!("lines[{index}]"), detail));
            return;
        }
        match self.subtotal_minor.checked_add(line.subtotal_minor).filter(|sum| *sum <= TOTAL_MINOR_MAX) {
            Some(sum) => {
                self.subtotal_minor = sum;
                self.lines.push(line);
            }
            None => self.problems.push(too_large(format!("lines[{index}]"))),
        }
    }
}

/// Kind and detail of a line's problem.
type LineProblem = (ProblemKind, String);

fn price_line(offers: &[Offer], requested: RequestedLine, number: i32) -> Result<(Line, &str), LineProblem> {
    let RequestedLine { product_id, variant_id, quantity, .. } = requested;
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        let kind = if quantity < 1 { ProblemKind::Empty } else { ProblemKind::TooLarge };
        return Err((kind, format!("quantity must be between 1 and {QUANTITY_MAX}, got {quantity}")));
    }
    let unknown =
        || (ProblemKind::ItemUnknown, format!("the shop does not sell variant {variant_id} of product {product_id}"));
    let offer = offers.iter().find(|offer| offer.product_id == product_id).ok_or_else(unknown)?;
    let variant = offer.variants.iter().find(|variant| variant.variant_id == variant_id).ok_or_else(unknown)?;
    let surcharge = price_choices(&offer.groups, &requested.choices)?;
    let unit = variant.price_minor.checked_add(surcharge).filter(|unit| (0..=TOTAL_MINOR_MAX).contains(unit));
    let subtotal = unit.and_then(|unit| unit.checked_mul(i64::from(quantity)));
    let (Some(unit_price_minor), Some(subtotal_minor)) = (unit, subtotal) else {
        let detail = format!("the price of the line must be between 0 and {TOTAL_MINOR_MAX} minor units");
        return Err((ProblemKind::TooLarge, detail));
    };
    let line = Line {
        number,
        product_name: offer.name.clone(),
        variant_name: variant.name.clone(),
        category_code: offer.category_code,
        unit_price_minor,
        subtotal_minor,
        discount_minor: 0,
        requested,
    };
    Ok((line, &variant.currency))
}

/// Surcharge of the selected modifiers for one unit, in minor units.
fn price_choices(groups: &[Group], choices: &[Choice]) -> Result<i64, LineProblem> {
    let invalid = |detail: String| (ProblemKind::ChoicesInvalid, detail);
    let mut surcharge = 0_i64;
    for choice in choices {
        let group = groups.iter().find(|group| group.name == choice.group);
        let modifier = group.and_then(|group| group.modifiers.iter().find(|(name, _)| *name == choice.modifier));
        let unknown = || invalid(format!("the product has no modifier {} in group {}", choice.modifier, choice.group));
        let (_, delta) = modifier.ok_or_else(unknown)?;
        let overflow = || invalid(format!("the modifiers of a unit must cost at most {TOTAL_MINOR_MAX} minor units"));
        surcharge = surcharge.checked_add(*delta).ok_or_else(overflow)?;
    }
    for group in groups {
        let count = choices.iter().filter(|choice| choice.group == group.name).count();
        if !(group.choices_min..=group.choices_max).contains(&count) {
            let (name, min, max) = (&group.name, group.choices_min, group.choices_max);
            return Err(invalid(format!("group {name} requires {min} to {max} modifiers, got {count}")));
        }
    }
    Ok(surcharge)
}

/// Terms of a shop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Tax rate in basis points (1/100 %).
    pub tax_basis_points: u32,
    /// Whether prices include the tax.
    pub is_tax_included: bool,
    /// Maximum delivery distance in metres; 0 if the shop does not deliver.
    pub delivery_radius_m: u32,
    /// Delivery fee in minor units.
    pub delivery_fee_minor: i64,
    /// Sum of the lines from which on the delivery is free, in minor units; 0 for never.
    pub delivery_free_from_minor: i64,
    /// Minimum sum of the lines in minor units.
    pub order_minimum_minor: i64,
    /// Packing fee in minor units.
    pub packing_fee_minor: i64,
    /// Whether the shop accepts cash.
    pub is_cash_accepted: bool,
}

/// Conditions of an order besides its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Terms of the shop.
    pub terms: Terms,
    /// Whether the shop is open.
    pub is_open: bool,
    /// Location of the shop.
    pub shop: Option<Location>,
    /// Whether a courier delivers the order.
    pub is_delivery: bool,
    /// Location of the delivery address.
    pub address: Option<Location>,
    /// Tip in minor units.
    pub tip_minor: i64,
}

/// Problems of the shop, the delivery address and the minimum order value.
#[must_use]
pub fn check_conditions(conditions: &Conditions, lines: &Lines) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !conditions.is_open {
        problems.push(Problem::new(ProblemKind::ShopClosed, "shop_id", "the shop is closed"));
    }
    if conditions.is_delivery {
        problems.extend(check_address(conditions));
    }
    let (sum, minimum) = (lines.subtotal_minor, conditions.terms.order_minimum_minor);
    // A line that could not be priced might have reached the minimum.
    if sum < minimum && lines.problems.is_empty() {
        let detail = format!("the lines must sum to at least {minimum} minor units, got {sum}");
        problems.push(Problem::new(ProblemKind::BelowMinimum, "lines", detail));
    }
    problems
}

fn check_address(conditions: &Conditions) -> Option<Problem> {
    let outside = |detail: String| Some(Problem::new(ProblemKind::AddressOutside, "address", detail));
    let radius_m = conditions.terms.delivery_radius_m;
    if radius_m == 0 {
        return outside("the shop does not deliver".to_owned());
    }
    match (conditions.shop, conditions.address) {
        (Some(shop), Some(address)) if address.is_within(radius_m, shop) => None,
        (Some(_), Some(_)) => outside(format!("the address must be within {radius_m} m of the shop")),
        (_, _) => outside("a delivery requires an address with coordinates".to_owned()),
    }
}

/// Discount of a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// The coupon.
    pub coupon: CouponId,
    /// Discount in minor units, positive.
    pub amount_minor: i64,
    /// Explanation for the customer.
    pub reason: String,
    /// Numbers of the lines with their shares in minor units; the shares sum to the amount.
    pub shares: Vec<(i32, i64)>,
}

/// Kind of a price component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// Sum of the lines.
    Items,
    /// Discount of a coupon.
    Discount,
    /// Packing fee.
    Packing,
    /// Delivery fee.
    Delivery,
    /// Tax that is added to the prices.
    Tax,
    /// Tip of the customer.
    Tip,
}

/// A component of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Kind of the component.
    pub kind: PartKind,
    /// Amount in minor units; negative for a discount.
    pub amount_minor: i64,
    /// Explanation for the customer.
    pub reason: String,
    /// Coupon of a discount.
    pub coupon: Option<CouponId>,
}

/// Price of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// All components.
    pub parts: Vec<Part>,
    /// Sum of the components in minor units, 0 to [`TOTAL_MINOR_MAX`].
    pub total_minor: i64,
    /// Tax that is included in the prices, in minor units.
    pub tax_included_minor: i64,
}

/// Computes the price, and distributes the discounts over the lines.
///
/// Everything except the tip is taxed. The tax is rounded half up, once per order.
///
/// # Errors
/// `CouponRefused` if a discount does not match the lines; `TooLarge` if the total exceeds its maximum.
pub fn total_price(
    lines: &mut Lines,
    conditions: &Conditions,
    discounts: &[Discount],
    locale: Locale,
) -> Result<Price, Problem> {
    prorate(lines, discounts)?;
    let mut parts = vec![part(PartKind::Items, lines.subtotal_minor, reasons::items(lines, locale))];
    parts.extend(discounts.iter().map(|discount| Part {
        coupon: Some(discount.coupon),
        ..part(PartKind::Discount, -discount.amount_minor, discount.reason.clone())
    }));
    let terms = &conditions.terms;
    if terms.packing_fee_minor > 0 {
        parts.push(part(PartKind::Packing, terms.packing_fee_minor, reasons::packing(locale)));
    }
    if conditions.is_delivery {
        parts.push(delivery(lines, conditions, locale));
    }
    let taxed = total(&parts)?;
    let mut tax_included_minor = 0;
    if terms.is_tax_included {
        tax_included_minor = tax_within(taxed, terms.tax_basis_points);
    } else if terms.tax_basis_points > 0 {
        let tax = tax_on_top(taxed, terms.tax_basis_points);
        parts.push(part(PartKind::Tax, tax, reasons::tax(terms.tax_basis_points, locale)));
    }
    if conditions.tip_minor > 0 {
        parts.push(part(PartKind::Tip, conditions.tip_minor, reasons::tip(locale)));
    }
    let total_minor = total(&parts)?;
    Ok(Price { parts, total_minor, tax_included_minor })
}

fn part(kind: PartKind, amount_minor: i64, reason: String) -> Part {
    Part { kind, amount_minor, reason, coupon: None }
}

fn delivery(lines: &Lines, conditions: &Conditions, locale: Locale) -> Part {
    let terms = &conditions.terms;
    let free_from = terms.delivery_free_from_minor;
    if free_from > 0 && lines.subtotal_minor >= free_from {
        return part(PartKind::Delivery, 0, reasons::free_delivery(free_from, &lines.currency, locale));
    }
    part(PartKind::Delivery, terms.delivery_fee_minor, reasons::delivery(locale))
}

/// Adds the share of each discount to its line. The shares of a line never exceed its subtotal.
fn prorate(lines: &mut Lines, discounts: &[Discount]) -> Result<(), Problem> {
    let refused = |discount: &Discount| {
        let detail = format!("the discount of coupon {} does not match its lines", discount.coupon.get());
        Problem::new(ProblemKind::CouponRefused, "coupon_ids", detail)
    };
    for line in &mut lines.lines {
        line.discount_minor = 0;
    }
    for discount in discounts {
        let mut sum = 0_i64;
        for (number, share) in &discount.shares {
            let line = lines.lines.iter_mut().find(|line| line.number == *number).ok_or_else(|| refused(discount))?;
            let spent = line.discount_minor.checked_add(*share).ok_or_else(|| refused(discount))?;
            if *share < 0 || spent > line.subtotal_minor {
                return Err(refused(discount));
            }
            line.discount_minor = spent;
            sum += share;
        }
        if sum != discount.amount_minor {
            return Err(refused(discount));
        }
    }
    Ok(())
}

fn total(parts: &[Part]) -> Result<i64, Problem> {
    let sum = parts.iter().try_fold(0_i64, |sum, part| sum.checked_add(part.amount_minor));
    sum.filter(|sum| (0..=TOTAL_MINOR_MAX).contains(sum)).ok_or_else(|| too_large(""))
}

fn too_large(field: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::TooLarge, field, format!("the total must be between 0 and {TOTAL_MINOR_MAX} minor units"))
}

/// Tax that is added to an amount: `amount * rate`, rounded half up.
fn tax_on_top(amount_minor: i64, basis_points: u32) -> i64 {
    half_up(i128::from(amount_minor) * i128::from(basis_points), BASIS_POINTS)
}

/// Tax that is included in an amount: `amount * rate / (1 + rate)`, rounded half up.
fn tax_within(amount_minor: i64, basis_points: u32) -> i64 {
    half_up(i128::from(amount_minor) * i128::from(basis_points), BASIS_POINTS + i128::from(basis_points))
}

/// Quotient of two numbers that are not negative, rounded half up.
fn half_up(numerator: i128, denominator: i128) -> i64 {
    i64::try_from((numerator * 2 + denominator).div_euclid(denominator * 2)).unwrap_or(i64::MAX)
}
