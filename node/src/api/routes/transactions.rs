//! `POST /v1/transactions`, `POST /v1/transactions/batch`, `GET /v1/transactions/{id}`.
//!
//! Always true: submitting is idempotent: a transaction that is known, even a final one, answers with where it is, never
//! with a stale nonce. SPEC API-1.

use crate::api::final_blocks::Found;
use crate::api::paging::part_of;
use crate::api::problem::ApiError;
use crate::api::{ApiState, views};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use blockchat_client::shapes::{
    ApiCode, BATCH_CONTENT_TYPE, SubmitRequest, SubmitView, TransactionState, TransactionView, WaitView,
};
use blockchat_engine::chain_view::PhaseView;
use blockchat_engine::effect::{SubmitOutcome, Wait};
use blockchat_proto::codec;
use blockchat_proto::hash::Hash32;
use blockchat_proto::ledger::{TxRejected, fee_for};
use blockchat_proto::limits;
use blockchat_proto::refusal::Retry;
use blockchat_proto::transaction::{SignedTransaction, TransactionId, VerifiedTransaction};

/// Longest JSON of one transaction, in bytes: 1,024 bytes of text, each escaped as six, and the frame.
pub(in crate::api) const JSON_BYTES_MAX: usize = 16 * 1024;
/// Longest batch, in bytes: the most transactions at a quarter of their longest, which is more than a full text each.
pub(in crate::api) const BATCH_BYTES_MAX: usize = limits::BATCH_TRANSACTIONS_MAX * limits::TRANSACTION_BYTES_MAX;

/// The result of a submit.
enum Entered {
    Known(TransactionState),
    Refused(TxRejected),
}

/// One transaction as JSON. 202 with where it is; a refusal is a problem.
pub(in crate::api) async fn submit(
    State(state): State<ApiState>,
    query: Result<Query<SubmitRequest>, QueryRejection>,
    body: Result<Json<SignedTransaction>, JsonRejection>,
) -> Result<(StatusCode, Json<SubmitView>), ApiError> {
    let Json(signed) = body.map_err(|rejection| json_problem(&rejection))?;
    let SubmitRequest { replaces } = part_of(query)?;
    let (id, submitted) = enter(&state, vec![signed], replaces).await?.pop().expect("one answer for one transaction");
    match submitted {
        Entered::Known(place) => {
            let mut view = SubmitView { id, state: place, waits: None };
            tell_waits(&state, std::slice::from_mut(&mut view)).await?;
            Ok((StatusCode::ACCEPTED, Json(view)))
        }
        Entered::Refused(reason) => Err(ApiError::refused(&reason)),
    }
}

/// Many transactions as canonical bytes. 200 with one answer each, in order; refusals are among them.
pub(in crate::api) async fn submit_batch(
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<SubmitView>>, ApiError> {
    check_batch_type(&headers)?;
    let bytes = body.map_err(|rejection| {
        ApiError::new(ApiCode::BodyRefused, rejection.body_text()).with_status(rejection.status())
    })?;
    let signed = decode_batch(&bytes)?;
    let answers = enter(&state, signed, None).await?.into_iter();
    let view = |(id, submitted)| match submitted {
        Entered::Known(state) => SubmitView { id, state, waits: None },
        Entered::Refused(reason) => SubmitView { id, state: views::refused(&reason), waits: None },
    };
    let mut views: Vec<_> = answers.map(view).collect();
    tell_waits(&state, &mut views).await?;
    Ok(Json(views))
}

/// Says of the queued ones what they wait for: one question to the engine for all of them.
async fn tell_waits(state: &ApiState, views: &mut [SubmitView]) -> Result<(), ApiError> {
    let queued: Vec<_> = views.iter_mut().filter(|view| view.state == TransactionState::Queued).collect();
    if queued.is_empty() {
        return Ok(());
    }
    let waits = state.engine.waits(queued.iter().map(|view| view.id).collect()).await?;
    for (view, wait) in queued.into_iter().zip(waits) {
        view.waits = wait.map(shown);
    }
    Ok(())
}

/// The place of a transaction: queued, pooled, in a block, final, or refused lately.
pub(in crate::api) async fn transaction(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<TransactionView>, ApiError> {
    let id: Hash32 =
        id.parse().map_err(|reason| ApiError::new(ApiCode::BadTransactionId, format!("{id:?}: {reason}")))?;
    // The engine first: what it has let go of by then is final and in the store.
    let pooled = state.engine.transaction(id).await?;
    let (place, signed) = match pooled {
        Some((SubmitOutcome::Pooled, kept)) => (TransactionState::Pooled, signed(kept)),
        Some((SubmitOutcome::Queued, kept)) => (TransactionState::Queued, signed(kept)),
        Some((SubmitOutcome::InBlock(height), kept)) => (TransactionState::InBlock { height }, signed(kept)),
        Some((SubmitOutcome::Refused(reason) | SubmitOutcome::MaybeFinal(reason), kept)) => {
            match final_place(&state, id).await? {
                Some(found) => (views::final_state(found.place()), views::transaction_at(&found).cloned()),
                None => (views::refused(&reason), signed(kept)),
            }
        }
        None => {
            let found = final_place(&state, id).await?.ok_or_else(|| unknown(id))?;
            (views::final_state(found.place()), views::transaction_at(&found).cloned())
        }
    };
    let parameters = &state.genesis.genesis().parameters;
    let fee = signed.as_ref().and_then(|known| fee_for(&known.transaction.body, parameters).ok());
    let waits = waits(&state, id, &place).await?;
    Ok(Json(TransactionView { id, state: place, waits, transaction: signed, fee }))
}

/// The reason why a queued transaction waits; it may have moved on since it was found queued.
async fn waits(state: &ApiState, id: TransactionId, place: &TransactionState) -> Result<Option<WaitView>, ApiError> {
    if *place != TransactionState::Queued {
        return Ok(None);
    }
    let wait = state.engine.waits(vec![id]).await?.pop().flatten();
    Ok(wait.map(shown))
}

fn shown(wait: Wait) -> WaitView {
    WaitView { next_nonce: wait.next_nonce, until: wait.until }
}

fn signed(kept: Option<VerifiedTransaction>) -> Option<SignedTransaction> {
    kept.map(|transaction| transaction.signed().clone())
}

fn unknown(id: Hash32) -> ApiError {
    let detail = format!("transaction {id} is neither final, nor pooled, nor refused lately on this node");
    ApiError::new(ApiCode::TransactionUnknown, detail)
}

async fn final_place(state: &ApiState, id: TransactionId) -> Result<Option<Found>, ApiError> {
    Ok(state.blocks.find(id).await?)
}

/// Verifies, submits, and looks up what may be final already. One answer each, in order.
///
/// A node that has not been at the tip since it started answers 503: its verdict would be about an old state. So does one
/// that does not know the rules of the next height.
async fn enter(
    state: &ApiState,
    signed: Vec<SignedTransaction>,
    replaces: Option<TransactionId>,
) -> Result<Vec<(TransactionId, Entered)>, ApiError> {
    let view = state.engine.view();
    if view.phase == PhaseView::UpdateNeeded {
        return Err(ApiError::new(ApiCode::NotReady, views::update_needed(&view)).retry(Retry::Never));
    }
    if !view.reached_tip {
        return Err(ApiError::new(ApiCode::Starting, "the node is not at the tip yet; try again in a moment"));
    }
    let verified = state.verify.transactions(signed).await;
    let good = verified.iter().filter_map(|(_, answer)| answer.as_ref().ok()).cloned().collect();
    let mut outcomes = state.engine.submit(good, replaces).await?.into_iter();
    let mut answers = Vec::with_capacity(verified.len());
    let mut perhaps_final = Vec::new();
    for (index, (id, verified)) in verified.into_iter().enumerate() {
        let submitted = match verified {
            Err(reason) => Entered::Refused(reason),
            Ok(_) => match outcomes.next().map(|(_, outcome)| outcome) {
                Some(SubmitOutcome::Pooled) => Entered::Known(TransactionState::Pooled),
                Some(SubmitOutcome::Queued) => Entered::Known(TransactionState::Queued),
                Some(SubmitOutcome::InBlock(height)) => Entered::Known(TransactionState::InBlock { height }),
                // A final stake is refused as unchanged, a final activation as active already: look these up too.
                Some(SubmitOutcome::Refused(reason) | SubmitOutcome::MaybeFinal(reason)) => {
                    perhaps_final.push((index, id));
                    Entered::Refused(reason)
                }
                None => return Err(ApiError::new(ApiCode::Stopping, "the node is stopping")),
            },
        };
        answers.push((id, submitted));
    }
    answer_final(state, &mut answers, perhaps_final).await?;
    Ok(answers)
}

/// It is no refusal if this very transaction is final already.
async fn answer_final(
    state: &ApiState,
    answers: &mut [(TransactionId, Entered)],
    perhaps_final: Vec<(usize, TransactionId)>,
) -> Result<(), ApiError> {
    if perhaps_final.is_empty() {
        return Ok(());
    }
    let places = state.blocks.places(perhaps_final.iter().map(|(_, id)| *id).collect()).await?;
    for ((index, _), place) in perhaps_final.into_iter().zip(places) {
        if let Some(found) = place {
            answers[index].1 = Entered::Known(views::final_state(found));
        }
    }
    Ok(())
}

fn check_batch_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("none");
    if found == BATCH_CONTENT_TYPE {
        return Ok(());
    }
    let detail = format!("a batch is canonical bytes with the content type {BATCH_CONTENT_TYPE}, not {found}");
    Err(ApiError::new(ApiCode::BadContentType, detail))
}

fn decode_batch(bytes: &[u8]) -> Result<Vec<SignedTransaction>, ApiError> {
    let signed: Vec<SignedTransaction> = codec::decode(bytes, BATCH_BYTES_MAX)
        .map_err(|refused| ApiError::new(ApiCode::BadEncoding, refused.to_string()))?;
    match signed.len() {
        0 => Err(ApiError::new(ApiCode::EmptyBatch, "the batch holds no transaction")),
        found if found > limits::BATCH_TRANSACTIONS_MAX => {
            let limit = limits::BATCH_TRANSACTIONS_MAX;
            let detail = format!("{found} transactions in one batch, the limit is {limit}");
            Err(ApiError::new(ApiCode::BatchTooLarge, detail))
        }
        _ => Ok(signed),
    }
}

/// 415 for another content type, 413 for too many bytes, 400 for anything that is no transaction.
fn json_problem(rejection: &JsonRejection) -> ApiError {
    let detail = rejection.body_text();
    match rejection {
        JsonRejection::MissingJsonContentType(_) => ApiError::new(ApiCode::BadContentType, detail),
        JsonRejection::BytesRejection(_) => ApiError::new(ApiCode::BodyRefused, detail).with_status(rejection.status()),
        _ => ApiError::new(ApiCode::BadJson, detail),
    }
}
