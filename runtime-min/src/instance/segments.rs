//! Element and data segments: `table.init`, `memory.init` and their drops, `table.copy`.

use crate::{store::StoreInner, table::range};
use wamr_aot_loader::trap::TrapCause;

impl StoreInner {
    /// `memory.init` of an instance.
    pub fn memory_init(
        &mut self,
        instance: u32,
        memory: u32,
        segment: u32,
        destination: u64,
        source: u32,
        length: u32,
    ) -> Result<(), TrapCause> {
        const OUT: TrapCause = TrapCause::MemoryOutOfBounds;
        let instance = self.instances.get(instance as usize).ok_or(OUT)?;
        let memory = instance.memory(memory)?;
        let memory = self.memories.get_mut(memory as usize).ok_or(OUT)?;
        let segment = instance.data_segment(segment);
        let source = range(source.into(), length.into(), segment.len()).ok_or(OUT)?;
        memory.init(destination, &segment[source])
    }

    /// `data.drop` of an instance.
    pub fn data_drop(&mut self, instance: u32, segment: u32) {
        let instance = self.instances.get_mut(instance as usize);
        let segments = instance.map(|instance| &mut instance.dropped_data);
        if let Some(dropped) = segments.and_then(|segments| segments.get_mut(segment as usize)) {
            *dropped = true;
        }
    }

    /// `table.init` of an instance.
    pub fn table_init(
        &mut self,
        instance: u32,
        table: u32,
        segment: u32,
        destination: u64,
        source: u32,
        length: u32,
    ) -> Result<(), TrapCause> {
        const OUT: TrapCause = TrapCause::TableOutOfBounds;
        let instance = self.instances.get(instance as usize).ok_or(OUT)?;
        let table = instance.table(table)?;
        let table = self.tables.get_mut(table as usize).ok_or(OUT)?;
        let segment = instance.elements.get(segment as usize).ok_or(OUT)?;
        let source = range(source.into(), length.into(), segment.len()).ok_or(OUT)?;
        table.init(destination, &segment[source])
    }

    /// `elem.drop` of an instance.
    pub fn elem_drop(&mut self, instance: u32, segment: u32) {
        let instance = self.instances.get_mut(instance as usize);
        let segments = instance.map(|instance| &mut instance.elements);
        if let Some(elements) = segments.and_then(|segments| segments.get_mut(segment as usize)) {
            *elements = Default::default();
        }
    }

    /// `table.copy` between two tables of the store, which may be the same.
    pub fn table_copy(
        &mut self,
        to: u32,
        from: u32,
        destination: u64,
        source: u64,
        length: u64,
    ) -> Result<(), TrapCause> {
        const OUT: TrapCause = TrapCause::TableOutOfBounds;
        let from_length = self.tables.get(from as usize).ok_or(OUT)?.elements().len();
        let to_length = self.tables.get(to as usize).ok_or(OUT)?.elements().len();
        let source = range(source, length, from_length).ok_or(OUT)?;
        let destination = range(destination, length, to_length).ok_or(OUT)?;
        match self.tables.get_disjoint_mut([to as usize, from as usize]) {
            Ok([to, from]) => {
                to.elements_mut()[destination].copy_from_slice(&from.elements()[source]);
            }
            // The same table.
            Err(_) => {
                let table = self.tables.get_mut(to as usize).ok_or(OUT)?;
                table.elements_mut().copy_within(source, destination.start);
            }
        }
        Ok(())
    }
}
