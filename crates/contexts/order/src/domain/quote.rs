//! What an order costs: lines from offers, discounts, fees, tax and tip, in integer minor units that sum exactly; and
//! everything at once that keeps it from being placed.

mod reasons;

use pulse_kernel::Locale;

use super::area::Place;

/// How many of one line may be ordered.
pub const QUANTITY_MAX: i32 = 999;
/// What an order may cost, in minor units.
pub const TOTAL_MINOR_MAX: i64 = 1_000_000_000_000;
/// Hundredths of a percent in a whole.
const BASIS_POINTS: i128 = 10_000;

/// A product that is on sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The product.
    pub product_id: i64,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category_code: i64,
    /// Its forms.
    pub variants: Vec<Variant>,
    /// What is to be chosen, or may be.
    pub groups: Vec<Group>,
}

/// A form of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// The variant.
    pub variant_id: i64,
    /// Its name.
    pub name: String,
    /// What one costs, in minor units.
    pub price_minor: i64,
    /// In which currency.
    pub currency: String,
}

/// Modifiers of which so many are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// At least.
    pub choices_min: usize,
    /// At most.
    pub choices_max: usize,
    /// Names, and what each adds to the price, in minor units.
    pub modifiers: Vec<(String, i64)>,
}

/// A modifier that was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The name of the group.
    pub group: String,
    /// The name of the modifier.
    pub modifier: String,
}

/// What somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The product.
    pub product_id: i64,
    /// Which form.
    pub variant_id: i64,
    /// How many.
    pub quantity: i32,
    /// What was chosen with it.
    pub choices: Vec<Choice>,
    /// What the kitchen should know.
    pub note: String,
}

/// A wish with its price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: i32,
    /// What is wished for.
    pub wish: Wish,
    /// The name of the product.
    pub product_name: String,
    /// The name of the variant.
    pub variant_name: String,
    /// The category of the product.
    pub category_code: i64,
    /// What one costs, choices included.
    pub unit_price_minor: i64,
    /// All of them.
    pub subtotal_minor: i64,
    /// Its share of the discounts.
    pub discount_minor: i64,
}

/// Why an order cannot be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// Nothing is ordered.
    Empty,
    /// The item is not for sale.
    ItemUnknown,
    /// The choices do not fit the item.
    ChoicesInvalid,
    /// Two currencies.
    CurrencyMismatch,
    /// Too many, or too expensive.
    TooLarge,
    /// The shop is closed.
    ShopClosed,
    /// The address is out of reach.
    AddressOutside,
    /// Less than the shop takes.
    BelowMinimum,
    /// This way of paying is not taken.
    PaymentMethodRefused,
    /// A coupon cannot be used.
    CouponRefused,
    /// Not enough in stock.
    StockShort,
    /// Another total than the customer saw.
    PriceChanged,
}

/// One thing that keeps an order from being placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: ProblemKind,
    /// Where in the draft.
    pub field: String,
    /// In words.
    pub detail: String,
}

impl Problem {
    /// A problem of a field.
    #[must_use]
    pub fn new(kind: ProblemKind, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, field: field.into(), detail: detail.into() }
    }
}

/// The lines of an order, with the one currency that they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// In the order of the wishes, without those that cannot be priced.
    pub lines: Vec<Line>,
    /// The currency of the first line.
    pub currency: String,
    /// The sum.
    pub subtotal_minor: i64,
    /// What is wrong with them.
    pub problems: Vec<Problem>,
}

/// Prices every wish by the offers, and says everything that is wrong.
#[must_use]
pub fn price_lines(offers: &[Offer], wishes: Vec<Wish>) -> Lines {
    let mut priced = Lines::default();
    if wishes.is_empty() {
        priced.problems.push(Problem::new(ProblemKind::Empty, "lines", "there is nothing to order"));
    }
    for (index, wish) in wishes.into_iter().enumerate() {
        let number = i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1);
        match price_line(offers, wish, number) {
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
            let detail = format!("{currency} and {} cannot be in one order", self.currency);
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

type Refusal = (ProblemKind, String);

fn price_line(offers: &[Offer], wish: Wish, number: i32) -> Result<(Line, &str), Refusal> {
    if wish.quantity < 1 {
        return Err((ProblemKind::Empty, "less than one cannot be ordered".to_owned()));
    }
    if wish.quantity > QUANTITY_MAX {
        return Err((ProblemKind::TooLarge, format!("more than {QUANTITY_MAX} cannot be ordered at once")));
    }
    let unknown = || (ProblemKind::ItemUnknown, "the shop does not sell this".to_owned());
    let offer = offers.iter().find(|offer| offer.product_id == wish.product_id).ok_or_else(unknown)?;
    let variant = offer.variants.iter().find(|variant| variant.variant_id == wish.variant_id).ok_or_else(unknown)?;
    let added = price_choices(&offer.groups, &wish.choices)?;
    let unit = variant.price_minor.checked_add(added).filter(|unit| (0..=TOTAL_MINOR_MAX).contains(unit));
    let subtotal = unit.and_then(|unit| unit.checked_mul(i64::from(wish.quantity)));
    let (Some(unit_price_minor), Some(subtotal_minor)) = (unit, subtotal) else {
        return Err((ProblemKind::TooLarge, "the line costs more than an order may".to_owned()));
    };
    let line = Line {
        number,
        product_name: offer.name.clone(),
        variant_name: variant.name.clone(),
        category_code: offer.category_code,
        unit_price_minor,
        subtotal_minor,
        discount_minor: 0,
        wish,
    };
    Ok((line, &variant.currency))
}

/// What the choices add to the price.
fn price_choices(groups: &[Group], choices: &[Choice]) -> Result<i64, Refusal> {
    let invalid = |detail: String| (ProblemKind::ChoicesInvalid, detail);
    let mut added = 0_i64;
    for choice in choices {
        let group = groups.iter().find(|group| group.name == choice.group);
        let modifier = group.and_then(|group| group.modifiers.iter().find(|(name, _)| *name == choice.modifier));
        let (_, delta) =
            modifier.ok_or_else(|| invalid(format!("there is no {} of {}", choice.modifier, choice.group)))?;
        added = added.checked_add(*delta).ok_or_else(|| invalid("the choices cost too much".to_owned()))?;
    }
    for group in groups {
        let count = choices.iter().filter(|choice| choice.group == group.name).count();
        if !(group.choices_min..=group.choices_max).contains(&count) {
            let (name, min, max) = (&group.name, group.choices_min, group.choices_max);
            return Err(invalid(format!("{count} of {name} are chosen, from {min} to {max} may be")));
        }
    }
    Ok(added)
}

/// On which terms a shop sells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// In hundredths of a percent.
    pub tax_basis_points: u32,
    /// Whether prices hold the tax.
    pub is_tax_included: bool,
    /// How far it delivers; 0 for not at all.
    pub delivery_radius_m: u32,
    /// What a delivery costs.
    pub delivery_fee_minor: i64,
    /// From so much on it costs nothing; 0 for never.
    pub delivery_free_from_minor: i64,
    /// What the lines must sum to.
    pub order_minimum_minor: i64,
    /// What packing costs.
    pub packing_fee_minor: i64,
    /// Whether it takes cash.
    pub is_cash_accepted: bool,
}

/// What an order has besides its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Setting {
    /// On which terms the shop sells.
    pub terms: Terms,
    /// Whether it is open.
    pub is_open: bool,
    /// Where it is.
    pub shop: Option<Place>,
    /// Whether somebody brings it.
    pub is_delivery: bool,
    /// Where to.
    pub address: Option<Place>,
    /// Given on top.
    pub tip_minor: i64,
}

/// Everything about the shop and the address that keeps the order from being placed.
#[must_use]
pub fn check_setting(setting: &Setting, lines: &Lines) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !setting.is_open {
        problems.push(Problem::new(ProblemKind::ShopClosed, "shop_id", "the shop is closed now"));
    }
    if setting.is_delivery {
        problems.extend(check_address(setting));
    }
    let (sum, minimum) = (lines.subtotal_minor, setting.terms.order_minimum_minor);
    // What cannot be priced may be what is missing.
    if sum < minimum && lines.problems.is_empty() {
        let detail = format!("the items sum to {sum}, and the shop takes {minimum} at least");
        problems.push(Problem::new(ProblemKind::BelowMinimum, "lines", detail));
    }
    problems
}

fn check_address(setting: &Setting) -> Option<Problem> {
    let outside = |detail: String| Some(Problem::new(ProblemKind::AddressOutside, "address", detail));
    let radius_m = setting.terms.delivery_radius_m;
    if radius_m == 0 {
        return outside("the shop does not deliver".to_owned());
    }
    match (setting.shop, setting.address) {
        (Some(shop), Some(address)) if address.is_within(radius_m, shop) => None,
        (Some(_), Some(_)) => outside(format!("the shop delivers within {radius_m} m")),
        (_, _) => outside("a delivery needs an address".to_owned()),
    }
}

/// What a coupon is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discount {
    /// The coupon.
    pub coupon_id: i64,
    /// Positive.
    pub amount_minor: i64,
    /// Why, in words.
    pub reason: String,
    /// The numbers of the lines, and the share of each; they sum to the amount.
    pub shares: Vec<(i32, i64)>,
}

/// What a part of a price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// The lines.
    Items,
    /// Less because of a coupon.
    Discount,
    /// Packing.
    Packing,
    /// Being brought.
    Delivery,
    /// Tax on top.
    Tax,
    /// Given on top.
    Tip,
}

/// A part of a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// How much; negative for a discount.
    pub amount_minor: i64,
    /// Why, in words.
    pub reason: String,
    /// The coupon of a discount; 0 otherwise.
    pub coupon_id: i64,
}

/// What an order costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// The parts.
    pub parts: Vec<Part>,
    /// Their sum, never negative.
    pub total_minor: i64,
    /// The tax that the prices hold already.
    pub tax_included_minor: i64,
}

/// Sums up, and spreads the discounts over the lines.
///
/// Tax is on everything but the tip, rounded half up once per order.
///
/// # Errors
/// `CouponRefused` for discounts that do not fit the lines, `TooLarge`.
pub fn sum_up(lines: &mut Lines, setting: &Setting, discounts: &[Discount], locale: Locale) -> Result<Price, Problem> {
    spread(lines, discounts)?;
    let mut parts = vec![part(PartKind::Items, lines.subtotal_minor, reasons::items(lines, locale))];
    parts.extend(discounts.iter().map(|discount| Part {
        coupon_id: discount.coupon_id,
        ..part(PartKind::Discount, -discount.amount_minor, discount.reason.clone())
    }));
    let terms = &setting.terms;
    if terms.packing_fee_minor > 0 {
        parts.push(part(PartKind::Packing, terms.packing_fee_minor, reasons::packing(locale)));
    }
    if setting.is_delivery {
        parts.push(delivery(lines, setting, locale));
    }
    let taxed = total(&parts)?;
    let mut tax_included_minor = 0;
    if terms.is_tax_included {
        tax_included_minor = tax_within(taxed, terms.tax_basis_points);
    } else if terms.tax_basis_points > 0 {
        let tax = tax_on_top(taxed, terms.tax_basis_points);
        parts.push(part(PartKind::Tax, tax, reasons::tax(terms.tax_basis_points, locale)));
    }
    if setting.tip_minor > 0 {
        parts.push(part(PartKind::Tip, setting.tip_minor, reasons::tip(locale)));
    }
    let total_minor = total(&parts)?;
    Ok(Price { parts, total_minor, tax_included_minor })
}

fn part(kind: PartKind, amount_minor: i64, reason: String) -> Part {
    Part { kind, amount_minor, reason, coupon_id: 0 }
}

fn delivery(lines: &Lines, setting: &Setting, locale: Locale) -> Part {
    let terms = &setting.terms;
    let free_from = terms.delivery_free_from_minor;
    if free_from > 0 && lines.subtotal_minor >= free_from {
        return part(PartKind::Delivery, 0, reasons::free_delivery(free_from, &lines.currency, locale));
    }
    part(PartKind::Delivery, terms.delivery_fee_minor, reasons::delivery(locale))
}

/// Gives each line its share of each discount; no line becomes cheaper than nothing.
fn spread(lines: &mut Lines, discounts: &[Discount]) -> Result<(), Problem> {
    let refused = |discount: &Discount| {
        let detail = format!("coupon {} is worth more than the lines that it is for", discount.coupon_id);
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
    Problem::new(ProblemKind::TooLarge, field, format!("an order costs {TOTAL_MINOR_MAX} minor units at most"))
}

/// `amount * rate`, rounded half up.
fn tax_on_top(amount_minor: i64, basis_points: u32) -> i64 {
    half_up(i128::from(amount_minor) * i128::from(basis_points), BASIS_POINTS)
}

/// The tax in an amount that holds it: `amount * rate / (1 + rate)`, rounded half up.
fn tax_within(amount_minor: i64, basis_points: u32) -> i64 {
    half_up(i128::from(amount_minor) * i128::from(basis_points), BASIS_POINTS + i128::from(basis_points))
}

/// The quotient of what is not negative, rounded half up.
fn half_up(numerator: i128, denominator: i128) -> i64 {
    i64::try_from((numerator * 2 + denominator).div_euclid(denominator * 2)).unwrap_or(i64::MAX)
}
