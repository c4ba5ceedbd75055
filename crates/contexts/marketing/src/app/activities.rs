//! Makes activities and shows them.

use pulse_contract::marketing::v1::{
    Activity, CreateActivityRequest, ListActivitiesRequest, ListActivitiesResponse, errors,
};
use pulse_kernel::{Cx, Error};
use pulse_store::Commit;

use super::{App, templates, view};
use crate::domain::template::{Distribution, TemplateId};
use crate::store::activities::{self, ACTIVITIES_MAX, ActivityRow};

pub(crate) async fn create_activity(app: &App, cx: &Cx, request: CreateActivityRequest) -> Result<Activity, Error> {
    let store = &app.deps.store;
    let draft = request.activity.unwrap_or_default();
    let template = templates::load(app, TemplateId::new(draft.template_id)).await?;
    let (starts_at, ends_at) = (view::instant(draft.starts_at), view::instant(draft.ends_at));
    if ends_at <= starts_at || ends_at <= cx.now {
        return Err(errors::MARKETING_TEMPLATE_INVALID.error("the activity ends before it starts, or is over already"));
    }
    if view::rules(&template).distribution == Distribution::Sale {
        let refusal = errors::MARKETING_NOT_CLAIMABLE.error("coupons of this template are bought, not given");
        return Err(refusal.with("template_id", draft.template_id));
    }
    let count = activities::count_to_come(store, cx.now).await?;
    if count >= ACTIVITIES_MAX {
        return Err(errors::MARKETING_ACTIVITY_LIMIT.error("too many activities run").with("activities", count));
    }
    let row = ActivityRow { id: store.next_id(cx.now), template: template.id, draft };
    let commit = Commit::new().insert(activities::insert(&row));
    let activity = shown(row);
    store.commit(cx, commit.answer(cx, &activity)).await?;
    Ok(activity)
}

pub(crate) async fn list_activities(
    app: &App,
    _cx: &Cx,
    _request: ListActivitiesRequest,
) -> Result<ListActivitiesResponse, Error> {
    let rows = activities::newest(&app.deps.store).await?;
    Ok(ListActivitiesResponse { activities: rows.into_iter().map(shown).collect() })
}

fn shown(row: ActivityRow) -> Activity {
    Activity { activity_id: row.id, activity: Some(row.draft) }
}
