//! Asks the nodes, and brings what they say: the only file that talks to them.
//!
//! Always true: every request gets one answer, even if that is a failure; answers wait in a bounded queue, and a node
//! whose stream is not read as fast as it sends cuts it off by itself, without a wait. Start reading at [`Poll::ask`].

use crate::pace::{Ask, Topic};
use crate::seals::Seals;
use crate::update::{Answer, Happening, Trouble};
use blockchat_client::shapes::{BlocksRequest, EventTopic, NodeRequest, Page, PageRequest, PoolRequest};
use blockchat_client::{Client, ClientError, Connections};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};

/// A node that gives no answer within this time does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Maximum answers that wait to be read.
const QUEUE_MAX: usize = 256;
/// Blocks asked for at a time.
const BLOCKS: u16 = 64;
/// Rows of the pool asked for at a time.
const POOL_ROWS: u16 = 200;

/// See the module.
#[derive(Debug)]
pub(crate) struct Poll {
    connections: Connections,
    heard: mpsc::Sender<Happening>,
    tasks: JoinSet<()>,
    streams: BTreeMap<usize, AbortHandle>,
    seals: Seals,
}

impl Poll {
    /// And where what is heard comes out.
    pub(crate) fn new(seals: Seals) -> (Self, mpsc::Receiver<Happening>) {
        let (heard, queue) = mpsc::channel(QUEUE_MAX);
        let connections = Connections::new(ANSWER_WITHIN);
        (Self { connections, heard, tasks: JoinSet::new(), streams: BTreeMap::new(), seals }, queue)
    }

    /// Asks; what is said comes out of the queue.
    pub(crate) fn ask(&mut self, ask: Ask) {
        let (connections, heard, seals) = (self.connections.clone(), self.heard.clone(), self.seals.clone());
        let (node, topic) = (ask.node, ask.topic);
        let task = self.tasks.spawn(async move {
            let said = match connections.to(&ask.url) {
                Err(error) => Err(trouble(&error)),
                Ok(client) if topic == Topic::Stream => listen(&client, &ask, &heard).await,
                Ok(client) => answer(&client, &ask, &seals).await,
            };
            tell(&heard, &ask, said).await;
        });
        if topic == Topic::Stream
            && let Some(old) = self.streams.insert(node, task)
        {
            // The node is somewhere else now.
            old.abort();
        }
    }

    /// Waits until a task has ended; one that panicked is an error. Cancel safe.
    pub(crate) async fn ended(&mut self) -> Result<(), JoinError> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Err(error)) if error.is_panic() => Err(error),
            Some(_) => Ok(()),
        }
    }
}

async fn tell(heard: &mpsc::Sender<Happening>, ask: &Ask, said: Result<Answer, Trouble>) {
    let Ask { node, generation, topic, .. } = *ask;
    // Closed means that the dashboard ends.
    drop(heard.send(Happening::Said { node, generation, topic, said }).await);
}

async fn answer(client: &Client, ask: &Ask, seals: &Seals) -> Result<Answer, Trouble> {
    let said = match ask.topic {
        Topic::Status => client.status().await.map(|status| Answer::Status(Box::new(status))),
        Topic::Peers => client.peers().await.map(Answer::Peers),
        Topic::Consensus => client.consensus().await.map(|view| Answer::Consensus(Box::new(view))),
        Topic::Process => {
            let wanted = NodeRequest { lines: Some(ask.lines), level: None };
            client.node(&wanted).await.map(|view| Answer::Process(Box::new(view)))
        }
        Topic::Blocks => {
            let wanted = BlocksRequest { limit: Some(BLOCKS), ..BlocksRequest::default() };
            client.blocks(&wanted).await.map(|page| Answer::Blocks(page.items))
        }
        Topic::Validators => client.validators().await.map(Answer::Validators),
        Topic::Messages => match &ask.account {
            None => return Err(Trouble::Lacks),
            Some(account) => {
                let most = u16::try_from(crate::model::MESSAGES_MAX).unwrap_or(u16::MAX);
                let read =
                    |page: Page<_>| Answer::Messages(page.items.into_iter().map(|one| seals.read(one)).collect());
                client.messages(account, &PageRequest::first(most)).await.map(read)
            }
        },
        Topic::Pool => {
            let wanted = PoolRequest { limit: Some(POOL_ROWS), ..PoolRequest::default() };
            client.pool(&wanted).await.map(|page| Answer::Pool(page.items))
        }
        Topic::Stream => return Ok(Answer::StreamEnded),
    };
    said.map_err(|error| trouble(&error))
}

/// Passes on what happens there until the stream ends; that is an answer too.
async fn listen(client: &Client, ask: &Ask, heard: &mpsc::Sender<Happening>) -> Result<Answer, Trouble> {
    let mut topics = vec![EventTopic::Block, EventTopic::Consensus, EventTopic::Peers, EventTopic::Barred];
    topics.extend(ask.account.map(EventTopic::Messages));
    let mut events = client.listen(&topics, None).await.map_err(|error| trouble(&error))?;
    // The reason of its end does not matter: the status is requested at once, and shows it.
    while let Ok(Some(event)) = events.next().await {
        tell(heard, ask, Ok(Answer::Event(event))).await;
    }
    Ok(Answer::StreamEnded)
}

/// The meaning of an error for the node.
fn trouble(error: &ClientError) -> Trouble {
    match error {
        ClientError::NoNode { cause, .. } => Trouble::Down(plain(cause)),
        ClientError::HungUp { .. } => Trouble::Down("it hung up".into()),
        ClientError::Timeout { within, .. } => Trouble::Down(format!("no answer within {} s", within.as_secs())),
        ClientError::Problem(problem) if problem.status == 404 => Trouble::Lacks,
        ClientError::Problem(problem) => Trouble::Odd(problem.detail.clone()),
        ClientError::Foreign { reason, .. } | ClientError::Shape { reason, .. } => Trouble::Odd(reason.clone()),
        ClientError::Url { .. } | ClientError::TooLong { .. } => Trouble::Odd(error.to_string()),
    }
}

/// `Connection refused (os error 111)` without the number.
fn plain(cause: &str) -> String {
    let words = cause.split(" (os error").next().unwrap_or(cause);
    words.to_lowercase()
}
