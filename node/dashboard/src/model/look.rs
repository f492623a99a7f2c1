//! The person's view: panel, node, order, moment.

/// The panels, in the order of their keys, 1 to 9 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Panel {
    /// A row a node.
    Nodes,
    /// Connections between nodes.
    Network,
    /// The round being decided.
    Round,
    /// Signers of the last heights.
    Signed,
    /// The timeline.
    Story,
    /// Curves.
    Speed,
    /// The last blocks.
    Blocks,
    /// Stake, share, absence.
    Validators,
    /// The pool.
    Pool,
    /// Messages to and from one account.
    Messages,
    /// The log of the chosen node.
    Log,
}

impl Panel {
    /// All, in order.
    pub(crate) const ALL: [Self; 11] = [
        Self::Nodes,
        Self::Network,
        Self::Round,
        Self::Signed,
        Self::Story,
        Self::Speed,
        Self::Blocks,
        Self::Validators,
        Self::Pool,
        Self::Messages,
        Self::Log,
    ];

    /// Its title.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Network => "network",
            Self::Round => "round",
            Self::Signed => "who signed",
            Self::Story => "what happened",
            Self::Speed => "speed",
            Self::Blocks => "blocks",
            Self::Validators => "validators",
            Self::Pool => "pool",
            Self::Messages => "my messages",
            Self::Log => "log",
        }
    }

    /// The key that goes to it.
    pub(crate) const fn key(self) -> char {
        match self {
            Self::Nodes => '1',
            Self::Network => '2',
            Self::Round => '3',
            Self::Signed => '4',
            Self::Story => '5',
            Self::Speed => '6',
            Self::Blocks => 'b',
            Self::Validators => 'v',
            Self::Pool => 'o',
            Self::Messages => 'i',
            Self::Log => 'e',
        }
    }
}

/// In which order nodes stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Trouble first.
    #[default]
    Trouble,
    /// As they were named.
    Name,
    /// The lowest height first.
    Height,
    /// The largest stake first.
    Stake,
}

impl Sort {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Name => "name",
            Self::Height => "height",
            Self::Stake => "stake",
        }
    }

    /// The next one.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Trouble => Self::Name,
            Self::Name => Self::Height,
            Self::Height => Self::Stake,
            Self::Stake => Self::Trouble,
        }
    }
}

/// The sheet over the panels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The keys.
    Help,
    /// All about the chosen node.
    Node,
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// For a dark terminal.
    #[default]
    Dark,
    /// For a light one.
    Light,
    /// None: bold, reversed, underlined.
    Mono,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Which panel has the keys; nothing was chosen yet.
    pub(crate) focus: Option<Panel>,
    /// Does it fill the screen?
    pub(crate) zoom: bool,
    /// The sheet over the panels.
    pub(crate) over: Over,
    /// The chosen node.
    pub(crate) node: usize,
    /// In which order nodes stand.
    pub(crate) sort: Sort,
    /// Rows that are passed over at the top of the panel with the keys.
    pub(crate) scroll: usize,
    /// Number of heights back from the tip at which signers and blocks begin.
    pub(crate) past: u64,
    /// The network as a list of links, not as a matrix.
    pub(crate) links: bool,
    /// Only warnings, in what happened and in the log.
    pub(crate) warnings: bool,
    /// Colours.
    pub(crate) theme: Theme,
    /// The search text; rows without it are not shown.
    pub(crate) find: String,
    /// Is it being typed?
    pub(crate) finding: bool,
    /// The effect of the last key, if it is not visible otherwise.
    pub(crate) said: String,
}

impl Look {
    /// Is this panel looked at, or is the screen so large that it may be?
    pub(crate) fn is_at(&self, panel: Panel) -> bool {
        self.focus == Some(panel)
    }

    /// Goes to a panel, from its top on.
    pub(crate) fn go(&mut self, panel: Panel) {
        self.focus = Some(panel);
        self.scroll = 0;
    }

    /// Does a row with this text stay?
    pub(crate) fn finds(&self, text: &str) -> bool {
        self.find.is_empty() || text.to_lowercase().contains(&self.find.to_lowercase())
    }
}
