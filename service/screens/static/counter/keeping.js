// What the device keeps for itself: the last queue, what still has to be sent, what has to be looked at.

const NAME = "comptoir";
const VERSION = 1;

let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("outbox", { keyPath: "number", autoIncrement: true });
      request.result.createObjectStore("conflicts", { keyPath: "number" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

// One transaction; on disk when this resolves.
async function within(stores, mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(stores, mode, { durability: "strict" });
    const asked = work((store) => transaction.objectStore(store));
    transaction.oncomplete = () => resolve(asked?.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const read = (name) => within(["kept"], "readonly", (store) => store("kept").get(name));
export const keep = (name, value) => within(["kept"], "readwrite", (store) => store("kept").put(value, name));
export const all = (store) => within([store], "readonly", (of) => of(store).getAll());
export const put = (store, value) => within([store], "readwrite", (of) => of(store).put(value));
export const remove = (store, number) => within([store], "readwrite", (of) => of(store).delete(number));

// Change what is kept under a number, in one step that no other window comes between: `into` makes of what is there what
// shall be there, null where nothing shall, undefined where it stays.
export const change = (store, number, into) =>
  within([store], "readwrite", (of) => {
    const asked = of(store).get(number);
    asked.onsuccess = () => {
      const next = asked.result && into(asked.result);
      if (next === null) of(store).delete(number);
      else if (next) of(store).put(next);
    };
    return asked;
  });

// Move what was refused from the outbox to what has to be looked at, both or neither.
export const setAside = (conflict, numbers) =>
  within(["outbox", "conflicts"], "readwrite", (store) => {
    for (const number of numbers) store("outbox").delete(number);
    return store("conflicts").put(conflict);
  });

// A device that was revoked has no orders before it any more; what it did is still to be told.
export const forgetOrders = () =>
  within(["kept"], "readwrite", (store) => {
    for (const name of ["queue", "picklist", "fetched", "replies", "taken"]) store("kept").delete(name);
    return null;
  });

// Another store's orders are none of ours.
export const forget = () =>
  within(["kept", "outbox", "conflicts"], "readwrite", (store) => {
    store("kept").clear();
    store("outbox").clear();
    return store("conflicts").clear();
  });
