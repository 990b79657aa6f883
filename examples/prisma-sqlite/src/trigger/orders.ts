import { tmpdir } from "node:os";
import { join } from "node:path";
import { task } from "@longshore/sdk";
import { PrismaLibSql } from "@prisma/adapter-libsql";
import { PrismaClient } from "../generated/client.ts";

/** A database of this run's own, so that the example needs no server; yours is at an address from the environment. */
const open = async (): Promise<PrismaClient> => {
  const url = process.env.ORDERS_URL ?? `file:${join(tmpdir(), `orders-${process.pid}.db`)}`;
  const db = new PrismaClient({ adapter: new PrismaLibSql({ url }) });
  await db.$executeRaw`create table if not exists "Order" (id integer primary key autoincrement, item text not null, count integer not null)`;
  return db;
};

/** Stores orders and sums them up. */
export const orders = task({
  id: "orders",
  run: async (payload: { item: string; counts: number[] }) => {
    const db = await open();
    for (const count of payload.counts) await db.order.create({ data: { item: payload.item, count } });
    const { _sum, _count } = await db.order.aggregate({
      where: { item: payload.item },
      _sum: { count: true },
      _count: true,
    });
    await db.$disconnect();
    return { orders: _count, pieces: _sum.count };
  },
});
