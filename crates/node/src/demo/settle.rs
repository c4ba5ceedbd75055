//! People and shops move in: by the same calls that an app and an operator make.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use futures::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use pulse_city::{City, Person};
use pulse_contract::GeoPoint;
use pulse_contract::Money;
use pulse_contract::account::v1::{
    AccountClient, AccountRole, FollowRequest, GrantRoleRequest, RequestCodeRequest, SearchAccountsRequest,
    SignInWithCodeRequest, request_code_request,
};
use pulse_contract::shop::v1::{
    CatalogClient, Category, CreateCategoryRequest, CreateProductRequest, ExportShopsRequest, GetMenuRequest, Hours,
    ImportShopsRequest, ImportedShop, ListCategoriesRequest, Modifier, ModifierGroup, ProductDraft, ShopClient,
    ShopDraft, VariantDraft,
};
use pulse_kernel::id::AccountId;
use pulse_kernel::{Actor, Clock, Cx, Error, Principal};
use pulse_shop::Places;

use super::rush::Rush;
use super::trade::Trade;
use crate::node::Node;
use crate::pages::DevInbox;

/// How many calls run at the same time: group commit likes company.
const CONCURRENCY: usize = 64;
/// How many shops come in one call.
const BATCH: usize = 500;

/// The city, and who lives in it.
pub(crate) struct DemoCity {
    pub(crate) city: City,
    pub(crate) accounts: AccountClient,
    pub(crate) shops: ShopClient,
    pub(crate) catalog: CatalogClient,
    pub(crate) places: Arc<Places>,
    pub(crate) trade: Trade,
    pub(crate) rush: Rush,
    pub(crate) clock: Clock,
    /// The account of each person.
    pub(crate) people: Vec<AccountId>,
}

/// Fills a node. Each step does only what is missing, so that it can be broken off and begun again.
pub(crate) async fn settle(node: &Node, inbox: &DevInbox, city: City) -> anyhow::Result<DemoCity> {
    let begun = Instant::now();
    let mut demo = DemoCity {
        city,
        accounts: node.accounts().clone(),
        shops: node.shops().shops.clone(),
        catalog: node.shops().catalog.clone(),
        places: node.shops().places.clone(),
        trade: Trade {
            orders: node.orders().clone(),
            payments: node.payments().clone(),
            kitchens: node.kitchens().clone(),
            sandbox: node.sandbox().cloned(),
            menus: Vec::new(),
            busy: Mutex::default(),
        },
        rush: Rush { sales: node.sales().clone(), stock: node.stock().clone() },
        clock: node.clock.clone(),
        people: Vec::new(),
    };
    let codes = DemoCity::make_categories(&demo.shops, &demo.cx()).await.context("the categories could not be made")?;
    demo.open_shops(&codes).await.context("the shops could not be opened")?;
    demo.fill_menus().await.context("the menus could not be written")?;
    demo.move_in(inbox).await.context("the people could not move in")?;
    demo.meet().await.context("the people could not follow each other")?;
    tracing::info!(
        shops = demo.places.len(),
        people = demo.people.len(),
        duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the city is there"
    );
    Ok(demo)
}

impl DemoCity {
    /// The context of the city itself, now.
    pub(crate) fn cx(&self) -> Cx {
        Cx::system("demo", self.clock.now())
    }

    /// The context of somebody who lives here, now.
    pub(crate) fn cx_of(&self, person: AccountId) -> Cx {
        let principal = Principal { account: person, session: 0, roles: Vec::new(), shops: Vec::new() };
        self.cx().with_actor(Actor::Principal(principal.into()))
    }

    /// Makes the categories that are missing, and says which code each has here.
    pub(crate) async fn make_categories(shops: &ShopClient, cx: &Cx) -> Result<Codes, Error> {
        let mut there = tree(shops, cx).await?;
        let mut codes = Codes::new();
        let wanted = pulse_city::categories();
        // Those in their place first: then whatever else has a name of the city is one that was moved.
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

    /// Opens the shops that are missing. Those that are there may have been changed or closed since, and stay so.
    async fn open_shops(&self, codes: &Codes) -> Result<(), Error> {
        let known = self.shops.export_shops(&self.cx(), ExportShopsRequest::default()).await?;
        let known: HashSet<u32> =
            known.try_filter_map(async |shop| Ok(number_of(&shop.external_id))).try_collect().await?;
        let missing = self.city.shops().filter(|shop| !known.contains(&shop.number)).map(|shop| {
            let mut shop = imported(shop);
            if let Some(draft) = &mut shop.shop {
                draft.category_code = codes.get(&draft.category_code).copied().unwrap_or_default();
            }
            shop
        });
        let mut batches = std::pin::pin!(stream::iter(missing).chunks(BATCH));
        while let Some(shops) = batches.next().await {
            self.shops.import_shops(&self.cx(), ImportShopsRequest { shops }).await?;
        }
        Ok(())
    }

    /// Menus and terms for the first shops; the rest of a large city cooks in secret.
    async fn fill_menus(&mut self) -> Result<(), Error> {
        let shops = self.shops.export_shops(&self.cx(), ExportShopsRequest::default()).await?;
        let with_menus: Vec<(i64, u32)> = shops
            .try_filter_map(async |shop| {
                let number = number_of(&shop.external_id).filter(|number| *number < MENUS_MAX);
                Ok(number.map(|number| (shop.shop_id, number)))
            })
            .try_collect()
            .await?;
        self.trade.menus = with_menus.iter().map(|(shop_id, _)| *shop_id).collect();
        let this = &*self;
        stream::iter(with_menus.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |(shop_id, number)| async move {
                this.set_terms(shop_id).await?;
                this.fill_menu(shop_id, number).await
            })
            .await
    }

    async fn fill_menu(&self, shop_id: i64, number: u32) -> Result<(), Error> {
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

    async fn move_in(&mut self, inbox: &DevInbox) -> Result<(), Error> {
        let this = &*self;
        let people: Vec<AccountId> = stream::iter(this.city.people())
            .map(|person| async move { this.account_of(inbox, &person).await })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        self.people = people;
        self.appoint().await
    }

    /// The account of a person, who signs up when there is none.
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

    /// The first person runs the platform, so that everything can be tried.
    async fn appoint(&self) -> Result<(), Error> {
        let Some(first) = self.people.first() else { return Ok(()) };
        let request =
            GrantRoleRequest { account_id: first.get(), role: AccountRole::Operator.into(), shop_ids: Vec::new() };
        self.accounts.grant_role(&self.cx(), request).await.map(drop)
    }

    async fn meet(&self) -> Result<(), Error> {
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

    /// The account of the person with this number.
    pub(crate) fn person(&self, number: u32) -> Option<AccountId> {
        self.people.get(usize::try_from(number).ok()?).copied()
    }
}

/// The code of a category here, by its code in the city: an operator may have moved it.
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

/// Every category that is there, by its code.
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

/// Categories move and keep their names.
fn is_same(found: &Category, wanted: &pulse_city::Category) -> bool {
    found.name == wanted.name_en && found.name_zh == wanted.name
}

/// Which shop of the city it is.
fn number_of(external_id: &str) -> Option<u32> {
    external_id.strip_prefix("city:")?.parse().ok()
}

/// How many shops have a menu in the demo.
const MENUS_MAX: u32 = 200;

/// A shop of the city, as an import takes it.
pub(crate) fn imported(shop: pulse_city::Shop) -> ImportedShop {
    ImportedShop {
        external_id: format!("city:{}", shop.number),
        shop: Some(ShopDraft {
            name: shop.name,
            name_en: shop.name_en,
            category_code: shop.category.number(),
            location: Some(GeoPoint { latitude: shop.place.latitude(), longitude: shop.place.longitude() }),
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
    use pulse_city::Size;
    use pulse_contract::shop::v1::{CloseShopRequest, MoveCategoryRequest, Shop, ShopState, UpdateShopRequest};

    use super::*;
    use crate::Config;
    use crate::node::NodeOptions;

    async fn shops(node: &Node) -> Vec<Shop> {
        let cx = Cx::system("test", node.clock.now());
        let stream = node.shops().shops.export_shops(&cx, ExportShopsRequest::default()).await.unwrap();
        let shops: Vec<Shop> = stream.try_collect().await.unwrap();
        // What depends on the moment of asking says nothing about the shop.
        shops.into_iter().map(|shop| Shop { is_open: None, next_change_at: None, ..shop }).collect()
    }

    /// A second start leaves alone what was changed, closed or moved, and opens what is missing where it belongs.
    #[tokio::test]
    async fn a_second_start_does_only_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.node.data = folder.path().join("data");
        let inbox = DevInbox::default();
        let node = Node::start(&config, NodeOptions::new(Arc::new(inbox.clone()))).await.unwrap();
        let city = |shops| City::new(1, Size { shops, people: 0, couriers: 0 });
        let demo = settle(&node, &inbox, city(40)).await.unwrap();
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
        // With everything below it, and the codes of what comes after it are free.
        let (from, to) = (pulse_city::categories()[1].code.number(), pulse_city::categories().last().unwrap().code);
        let to = to.parent().map_or(0, |parent| parent.parent().unwrap_or(parent).number());
        demo.shops.move_category(&demo.cx(), MoveCategoryRequest { code: from, new_parent_code: to }).await.unwrap();
        let (changed, moved) = (shops(&node).await, tree(&demo.shops, &demo.cx()).await.unwrap());
        assert!(!moved.contains_key(&from));

        let demo = settle(&node, &inbox, city(400)).await.unwrap();
        assert_eq!(tree(&demo.shops, &demo.cx()).await.unwrap(), moved);
        let after = shops(&node).await;
        assert_eq!(after.len(), 400, "every missing shop found its category");
        assert_eq!(after[..40], changed);
        assert_eq!((after[0].state(), after[1].name.as_str()), (ShopState::Closed, "Renamed"));
        node.stop().await;
    }
}
