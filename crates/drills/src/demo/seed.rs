//! Creates the shops, menus and accounts of the demo city, by the same calls that an app and an operator make.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use pulse_city::{City, Person};
use pulse_contract::GeoPoint;
use pulse_contract::Money;
use pulse_contract::account::v1::{
    AccountRole, FollowRequest, GrantRoleRequest, RequestCodeRequest, SearchAccountsRequest, SignInWithCodeRequest,
    request_code_request,
};
use pulse_contract::shop::v1::{
    Category, CreateCategoryRequest, CreateProductRequest, ExportShopsRequest, GetMenuRequest, Hours,
    ImportShopsRequest, ImportedShop, ListCategoriesRequest, Modifier, ModifierGroup, ProductDraft, ShopClient,
    ShopDraft, VariantDraft,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Cx, Error};
use pulse_node::Node;
use pulse_node::pages::DevInbox;

use super::DemoCity;

/// Number of concurrent calls; group commit needs concurrency to be fast.
const CONCURRENCY: usize = 64;
/// Number of shops per import call.
const BATCH: usize = 500;

/// Fills a node with a city. Each step creates only what is missing, so an interrupted run can be repeated.
///
/// # Errors
/// When a call to the node fails.
pub async fn seed(node: &Node, inbox: &DevInbox, city: City) -> anyhow::Result<DemoCity> {
    let begun = Instant::now();
    let mut demo = DemoCity::new(node, city);
    tracing::info!("step 1 of 4: creating the categories and opening the shops");
    let codes = DemoCity::make_categories(&demo.shops, &demo.cx()).await.context("cannot create the categories")?;
    demo.open_shops(&codes).await.context("cannot open the shops")?;
    tracing::info!("step 2 of 4: creating the menus");
    demo.create_menus().await.context("cannot create the menus")?;
    tracing::info!("step 3 of 4: creating the accounts");
    demo.create_accounts(inbox).await.context("cannot create the accounts")?;
    tracing::info!("step 4 of 4: creating the follows");
    demo.create_follows().await.context("cannot create the follows")?;
    tracing::info!(
        shops = demo.active_shops.len(),
        people = demo.people.len(),
        duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "demo city is ready"
    );
    Ok(demo)
}

impl DemoCity {
    /// Creates the missing categories. Returns the code on this node of each category of the city.
    pub(crate) async fn make_categories(shops: &ShopClient, cx: &Cx) -> Result<Codes, Error> {
        let mut there = tree(shops, cx).await?;
        let mut codes = Codes::new();
        let wanted = pulse_city::categories();
        // Categories at their original code first; the remaining ones with a name of the city were moved by an operator.
        for category in &wanted {
            let number = category.code.number();
            if there.get(&number).is_some_and(|found| is_same(found, category)) {
                there.remove(&number);
                codes.insert(number, number);
            }
        }
        for category in &wanted {
            let number = category.code.number();
            if codes.contains_key(&number) {
                continue;
            }
            let moved = there.iter().find(|(_, found)| is_same(found, category)).map(|(code, _)| *code);
            let code = match moved {
                Some(code) => {
                    there.remove(&code);
                    code
                }
                None => make_category(shops, cx, category, &codes).await?,
            };
            codes.insert(number, code);
        }
        Ok(codes)
    }

    /// Opens the missing shops. Existing shops stay as they are, also if they were changed or closed.
    async fn open_shops(&self, codes: &Codes) -> Result<(), Error> {
        let known = self.shops.export_shops(&self.cx(), ExportShopsRequest::default()).await?;
        let known: HashSet<u32> =
            known.try_filter_map(async |shop| Ok(number_of(&shop.external_id))).try_collect().await?;
        let missing = self.city.shops().filter(|shop| !known.contains(&shop.number)).map(|shop| {
            let mut shop = imported_shop(shop);
            if let Some(draft) = &mut shop.shop {
                draft.category_code = codes.get(&draft.category_code).copied().unwrap_or_default();
            }
            shop
        });
        let mut batches = std::pin::pin!(stream::iter(missing).chunks(BATCH));
        let mut opened = 0_usize;
        while let Some(shops) = batches.next().await {
            opened += shops.len();
            tracing::info!(opened, "opening shops");
            self.shops.import_shops(&self.cx(), ImportShopsRequest { shops }).await?;
        }
        Ok(())
    }

    /// Creates menus and terms of the first [`MENUS_MAX`] shops. Other shops of a large city have no menu.
    async fn create_menus(&mut self) -> Result<(), Error> {
        let shops = self.shops.export_shops(&self.cx(), ExportShopsRequest::default()).await?;
        let with_menus: Vec<(i64, u32)> = shops
            .try_filter_map(async |shop| {
                let number = number_of(&shop.external_id).filter(|number| *number < MENUS_MAX);
                Ok(number.map(|number| (shop.shop_id, number)))
            })
            .try_collect()
            .await?;
        self.shops_with_menu = with_menus.iter().map(|(shop_id, _)| *shop_id).collect();
        let this = &*self;
        stream::iter(with_menus.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |(shop_id, number)| async move {
                this.set_terms(shop_id).await?;
                this.create_menu(shop_id, number).await
            })
            .await
    }

    async fn create_menu(&self, shop_id: i64, number: u32) -> Result<(), Error> {
        let menu = self.catalog.get_menu(&self.cx(), GetMenuRequest { shop_id }).await?;
        let known: BTreeSet<String> =
            menu.sections.into_iter().flat_map(|section| section.products).map(|product| product.name).collect();
        for product in self.city.menu(&self.city.shop(number)) {
            if known.contains(product.name) {
                continue;
            }
            let request = CreateProductRequest { shop_id, product: Some(draft(product)) };
            self.catalog.create_product(&self.cx(), request).await?;
        }
        Ok(())
    }

    async fn create_accounts(&mut self, inbox: &DevInbox) -> Result<(), Error> {
        let this = &*self;
        let people: Vec<AccountId> = stream::iter(this.city.people())
            .map(|person| async move { this.account_of(inbox, &person).await })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        self.people = people;
        self.appoint_operator().await
    }

    /// Account of a person; signs the person up if it does not exist.
    async fn account_of(&self, inbox: &DevInbox, person: &Person) -> Result<AccountId, Error> {
        let search = SearchAccountsRequest { phone_digits: person.phone.clone(), page_size: 1, ..Default::default() };
        if let Some(account) = self.accounts.search_accounts(&self.cx(), search).await?.accounts.first() {
            return Ok(AccountId::new(account.account_id));
        }
        let destination = Some(request_code_request::Destination::Phone(person.phone.clone()));
        self.accounts.request_code(&self.cx(), RequestCodeRequest { destination }).await?;
        let request = SignInWithCodeRequest {
            phone: person.phone.clone(),
            code: inbox.newest_code_to(&person.phone).unwrap_or_default(),
            display_name: person.name.clone(),
        };
        let session = self.accounts.sign_in_with_code(&self.cx(), request).await?;
        Ok(AccountId::new(session.account.map_or(0, |account| account.account_id)))
    }

    /// Grants the operator role to the first person, so that a visitor of the demo can try every call.
    async fn appoint_operator(&self) -> Result<(), Error> {
        let Some(first) = self.people.first() else { return Ok(()) };
        let request =
            GrantRoleRequest { account_id: first.get(), role: AccountRole::Operator.into(), shop_ids: Vec::new() };
        self.accounts.grant_role(&self.cx(), request).await.map(drop)
    }

    async fn create_follows(&self) -> Result<(), Error> {
        let numbers = 0..u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let pairs = numbers.flat_map(|number| self.city.follows(number).into_iter().map(move |other| (number, other)));
        stream::iter(pairs)
            .map(|(number, other)| async move {
                let (Some(follower), Some(followee)) = (self.person(number), self.person(other)) else { return Ok(()) };
                let request = FollowRequest { account_id: followee.get() };
                self.accounts.follow(&self.cx_of(follower), request).await.map(drop)
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }
}

/// Code of a category on this node, by its code in the city. They differ after an operator has moved the category.
pub(crate) type Codes = BTreeMap<i64, i64>;

async fn make_category(
    shops: &ShopClient,
    cx: &Cx,
    category: &pulse_city::Category,
    codes: &Codes,
) -> Result<i64, Error> {
    let parent = category.code.parent().and_then(|parent| codes.get(&parent.number()));
    let request = CreateCategoryRequest {
        parent_code: parent.copied().unwrap_or_default(),
        name: category.name_en.to_owned(),
        name_zh: category.name.to_owned(),
        legacy_code: String::new(),
    };
    Ok(shops.create_category(cx, request).await?.code)
}

/// All categories of the node, by code.
async fn tree(shops: &ShopClient, cx: &Cx) -> Result<BTreeMap<i64, Category>, Error> {
    let (mut tree, mut parents) = (BTreeMap::new(), vec![0]);
    while let Some(parent_code) = parents.pop() {
        for category in shops.list_categories(cx, ListCategoriesRequest { parent_code }).await?.categories {
            if category.has_children {
                parents.push(category.code);
            }
            tree.insert(category.code, category);
        }
    }
    Ok(tree)
}

/// Whether both are the same category: a moved category has another code and the same names.
fn is_same(found: &Category, wanted: &pulse_city::Category) -> bool {
    found.name == wanted.name_en && found.name_zh == wanted.name
}

/// Number of a shop in the city, from its external id.
fn number_of(external_id: &str) -> Option<u32> {
    external_id.strip_prefix("city:")?.parse().ok()
}

/// Maximum number of shops with a menu.
const MENUS_MAX: u32 = 200;

/// A shop of the city in the form of an import.
pub(crate) fn imported_shop(shop: pulse_city::Shop) -> ImportedShop {
    ImportedShop {
        external_id: format!("city:{}", shop.number),
        shop: Some(ShopDraft {
            name: shop.name,
            name_en: shop.name_en,
            category_code: shop.category.number(),
            location: Some(GeoPoint { latitude: Some(shop.place.latitude()), longitude: Some(shop.place.longitude()) }),
            address: shop.address,
            phone: shop.phone,
            price_level: shop.price_level.into(),
            hours: Some(Hours { osm: shop.opening_hours.to_owned(), ..Hours::default() }),
            ..ShopDraft::default()
        }),
        rating_hundredths: shop.rating_hundredths.into(),
        rating_count: i32::try_from(shop.rating_count).unwrap_or(i32::MAX),
        ..ImportedShop::default()
    }
}

fn draft(product: pulse_city::Product) -> ProductDraft {
    let variants = product.variants.into_iter().map(|variant| VariantDraft {
        name: variant.name.to_owned(),
        price: Some(Money { minor: variant.price_minor, currency: "CNY".into() }),
        ..VariantDraft::default()
    });
    let modifier_groups = product.modifier_groups.into_iter().map(|group| ModifierGroup {
        name: group.name.to_owned(),
        choices_min: group.choices_min.into(),
        choices_max: group.choices_max.into(),
        modifiers: group
            .modifiers
            .into_iter()
            .map(|modifier| Modifier { name: modifier.name.to_owned(), price_delta_minor: modifier.price_delta_minor })
            .collect(),
    });
    ProductDraft {
        name: product.name.to_owned(),
        name_en: product.name_en.to_owned(),
        section: product.section.to_owned(),
        variants: variants.collect(),
        modifier_groups: modifier_groups.collect(),
        is_on_sale: true,
        ..ProductDraft::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pulse_city::Size;
    use pulse_contract::shop::v1::{CloseShopRequest, MoveCategoryRequest, Shop, ShopState, UpdateShopRequest};
    use pulse_node::{Config, NodeOptions};

    use super::*;

    async fn shops(node: &Node) -> Vec<Shop> {
        let cx = Cx::system("test", node.clock.now());
        let stream = node.shops().shops.export_shops(&cx, ExportShopsRequest::default()).await.unwrap();
        let shops: Vec<Shop> = stream.try_collect().await.unwrap();
        // Fields that depend on the time of the call are not compared.
        shops.into_iter().map(|shop| Shop { is_open: None, next_change_at: None, ..shop }).collect()
    }

    /// A second start keeps changed, closed and moved entries, and opens missing shops in the right category.
    #[tokio::test]
    async fn a_second_start_does_only_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.node.data = folder.path().join("data");
        let inbox = DevInbox::default();
        let node = Node::start(&config, NodeOptions::new(Arc::new(inbox.clone()))).await.unwrap();
        let city = |shops| City::new(1, Size { shops, people: 0, couriers: 0 });
        let demo = seed(&node, &inbox, city(40)).await.unwrap();
        let made = tree(&demo.shops, &demo.cx()).await.unwrap();
        assert_eq!(made.len(), pulse_city::categories().len());
        assert!(pulse_city::categories().iter().all(|category| is_same(&made[&category.code.number()], category)));

        let before = shops(&node).await;
        assert_eq!(before.len(), 40);
        demo.shops.close_shop(&demo.cx(), CloseShopRequest { shop_id: before[0].shop_id }).await.unwrap();
        let renamed = UpdateShopRequest {
            shop_id: before[1].shop_id,
            version: before[1].version,
            name: Some("Renamed".into()),
            ..Default::default()
        };
        demo.shops.update_shop(&demo.cx(), renamed).await.unwrap();
        // Moves the category with its children, so that their old codes are free.
        let (from, to) = (pulse_city::categories()[1].code.number(), pulse_city::categories().last().unwrap().code);
        let to = to.parent().map_or(0, |parent| parent.parent().unwrap_or(parent).number());
        demo.shops.move_category(&demo.cx(), MoveCategoryRequest { code: from, new_parent_code: to }).await.unwrap();
        let (changed, moved) = (shops(&node).await, tree(&demo.shops, &demo.cx()).await.unwrap());
        assert!(!moved.contains_key(&from));

        let demo = seed(&node, &inbox, city(400)).await.unwrap();
        assert_eq!(tree(&demo.shops, &demo.cx()).await.unwrap(), moved);
        let after = shops(&node).await;
        assert_eq!(after.len(), 400, "every missing shop found its category");
        assert_eq!(after[..40], changed);
        assert_eq!((after[0].state(), after[1].name.as_str()), (ShopState::Closed, "Renamed"));
        node.stop().await;
    }
}
