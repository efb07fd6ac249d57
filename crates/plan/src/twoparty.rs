use crate::Plan;
use serde::Serialize;
use sordino_engine::session::Wish;

/// What a session of the two-party backend with one inference sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TwoPartyPlan {
    /// Where transfers come from.
    pub supply: String,
    /// Layer by layer.
    #[serde(flatten)]
    pub plan: Plan,
}

impl TwoPartyPlan {
    /// Of a wish for the backend.
    pub fn new(wish: &Wish, plan: Plan) -> Self {
        Self { supply: wish.supply.to_string(), plan }
    }
}
