"""One scenario goes in, one result comes out: attack, risk, training, and what is told of labels and clients."""
